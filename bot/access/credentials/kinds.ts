// The kinds of secrets that a person may leave with Sam, and how each is told apart from the others. Pure; keeps nothing.

export const PROVIDERS = ['anthropic', 'openai', 'claude', 'dotfiles'] as const;
export type Provider = (typeof PROVIDERS)[number];

interface Kind {
  /** As pages call it. */
  title: string;
  /** What it looks like: whole, without what stands around it. */
  shape: RegExp;
  /** The shape in words, for whoever put in something else. */
  example: string;
  /** It is never shown again. */
  isSecret: boolean;
}

/** What of it may be shown: the last four characters, or an address that is no secret. */
export const shownOf = (provider: Provider, value: string): string =>
  KINDS[provider].isSecret ? value.slice(-4) : value;

/** `sk-ant-` are Anthropic's, of two kinds; any other `sk-` is OpenAI's. */
export const KINDS: Record<Provider, Kind> = {
  anthropic: {
    title: 'Anthropic API key',
    shape: /^sk-ant-api\d{2}-[\w-]{16,500}$/,
    example: 'sk-ant-api03-…',
    isSecret: true,
  },
  openai: {
    title: 'OpenAI API key',
    shape: /^sk-(?!ant-)[\w-]{20,500}$/,
    example: 'sk-…',
    isSecret: true,
  },
  claude: {
    title: 'Claude plan token',
    shape: /^sk-ant-oat\d{2}-[\w-]{16,500}$/,
    example: 'sk-ant-oat01-…',
    isSecret: true,
  },
  dotfiles: {
    title: 'Address of a dotfiles repository',
    // Whoever put a password into it would show it.
    shape: /^https:\/\/(?!.{300})[\w.-]+(:\d{1,5})?(\/[\w.~-]+)+\/?$/,
    example: 'https://…/you/dotfiles',
    isSecret: false,
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
