// The kinds of secrets that a person may leave with Sam, and how each is told apart from the others. Pure; keeps nothing.

export const PROVIDERS = ['anthropic', 'openai', 'claude'] as const;
export type Provider = (typeof PROVIDERS)[number];

interface Kind {
  /** As pages call it. */
  title: string;
  /** What it looks like: whole, without what stands around it. */
  shape: RegExp;
  /** The shape in words, for whoever put in something else. */
  example: string;
}

/** What of it may be shown. */
export const lastFour = (value: string): string => value.slice(-4);

/** `sk-ant-` are Anthropic's, of two kinds; any other `sk-` is OpenAI's. */
export const KINDS: Record<Provider, Kind> = {
  anthropic: {
    title: 'Anthropic API key',
    shape: /^sk-ant-api\d{2}-[\w-]{16,500}$/,
    example: 'sk-ant-api03-…',
  },
  openai: {
    title: 'OpenAI API key',
    shape: /^sk-(?!ant-)[\w-]{20,500}$/,
    example: 'sk-…',
  },
  claude: {
    title: 'Claude plan token',
    shape: /^sk-ant-oat\d{2}-[\w-]{16,500}$/,
    example: 'sk-ant-oat01-…',
  },
};

export const isProvider = (text: string): text is Provider => PROVIDERS.some((known) => known === text);

/** What somebody typed or pasted, without the spaces and quotes that came along. */
export const plainValue = (typed: string): string =>
  typed
    .trim()
    .replace(/^(["'])(.*)\1$/, '$2')
    .trim();

/** Undefined: it looks like none of them. */
export const recognise = (value: string): Provider | undefined =>
  PROVIDERS.find((provider) => KINDS[provider].shape.test(value));
