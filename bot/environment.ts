// Reads environment variables one by one and collects what is wrong with them. Knows no variable by name.

export type Env = Readonly<Record<string, string | undefined>>;

/** Reads variables one by one and collects what is wrong with them. */
export interface Reader {
  text: (name: string) => string | undefined;
  read: <T>(name: string, fallback: T, parse: (value: string) => T | undefined, wanted: string) => T;
  problems: string[];
}

export function createReader(env: Env): Reader {
  const problems: string[] = [];
  const text = (name: string): string | undefined => env[name]?.trim() || undefined;
  return {
    problems,
    text,
    read(name, fallback, parse, wanted) {
      const value = text(name);
      if (value === undefined) return fallback;
      const parsed = parse(value);
      if (parsed !== undefined) return parsed;
      problems.push(`${name} is ${isSecret(name) ? 'not' : `\`${value.slice(0, 60)}\`, not`} ${wanted}`);
      return fallback;
    },
  };
}

const isSecret = (name: string): boolean => /KEY|SECRET|TOKEN|DATABASE_URL|NODE_PROXY|NODE_CA/.test(name);
