// Rules of the house that no linter brings: vendors' names, commands in texts, libraries at home, folders that grew too large. A plugin of oxlint;
// knows no type and no other file than the one it is given, but for the names beside it.
import { readdirSync } from 'node:fs';
import { basename, dirname, relative } from 'node:path';

/** As much of a syntax node as the rules look at. */
interface Syntax {
  type: string;
  value?: unknown;
  parent?: Syntax;
  quasis?: { value: { cooked?: string } }[];
}

interface Context {
  filename: string;
  report(found: { node: Syntax; message: string }): void;
}

type Visitor = Record<string, (node: Syntax) => void>;

const ROOT = dirname(import.meta.dirname);
const pathOf = ({ filename }: Context): string => relative(ROOT, filename).replaceAll('\\', '/');

/** A vendor or a front, and the one folder name below which it may be called by its name. */
const VENDORS = ['hetzner', 'local', 'cloudflare', 'github', 'slack', 'console'];
/** Where a table names them, one line each, and where a row says of which kind it is. */
const TABLES = [
  'bot/providers/index.ts',
  'bot/forges/index.ts',
  'bot/dns/index.ts',
  'bot/fronts.ts',
  'bot/database/schema.ts',
];

const noVendor = {
  create(context: Context): Visitor {
    const path = pathOf(context);
    if (TABLES.includes(path)) return {};
    const foreign = VENDORS.filter(
      (name) => !path.split('/').includes(name) && basename(path) !== `${name}.ts`,
    );
    return {
      Literal(node) {
        if (typeof node.value !== 'string' || !foreign.includes(node.value) || isName(node)) return;
        context.report({
          node,
          message: `'${node.value}' is a vendor's name: ask its traits, or move this to its folder.`,
        });
      },
    };
  },
};

/** What is no value: the path of an import, a type, the key of an object. */
function isName({
  parent,
  ...node
}: Syntax & { parent?: Syntax & { key?: Syntax; computed?: boolean } }): boolean {
  if (!parent) return false;
  if (parent.type === 'TSLiteralType' || parent.type.startsWith('Import') || parent.type.startsWith('Export'))
    return true;
  return (
    parent.type === 'Property' &&
    parent.key?.value === node.value &&
    !('computed' in parent && parent.computed)
  );
}

/** `allow` and `deny` are words of a repository's settings too. */
const VERBS =
  'up|list|status|open|stop|start|restart|rm|rename|extend|logs|retry|who|nodes|node|cost|limit|use|connect|disconnect|token|tokens|ask|run|here|pr|cancel|port|share|unshare';
const COMMAND = new RegExp(`(^|[\\s\`('"])/sam\\b|\`(?:${VERBS})(?:\`| [^\`\\n]*\`)`);
/** Where commands are described or worded, and where the trigger's default is read. */
const WORDED = [/^bot\/commands\//, /^bot\/chat\/wording/, /config\.ts$/];

const noCommand = {
  create(context: Context): Visitor {
    const path = pathOf(context);
    if (WORDED.some((room) => room.test(path))) return {};
    const check = (node: Syntax, text: unknown): void => {
      if (typeof text === 'string' && COMMAND.test(text))
        context.report({
          node,
          message: 'A command in a text: chat/wording says it, with the trigger of the front.',
        });
    };
    return {
      Literal: (node) => check(node, node.value),
      TemplateLiteral: (node) => check(node, node.quasis?.map(({ value }) => value.cooked).join('…')),
    };
  },
};

const MAX_FILES = 20;
/** Folders that may be larger, and why. */
const LARGE: Record<string, string> = {
  'bot/commands': 'one file a verb',
};

const smallFolder = {
  create(context: Context): Visitor {
    const folder = dirname(pathOf(context));
    return {
      Program(node) {
        const names = readdirSync(dirname(context.filename))
          .filter((name) => name.endsWith('.ts'))
          .toSorted();
        if (names.length <= MAX_FILES || LARGE[folder] || names[0] !== basename(context.filename)) return;
        context.report({
          node,
          message: `${folder} has ${names.length} files, ${MAX_FILES} at most: which two subjects are in it?`,
        });
      },
    };
  },
};

/** Libraries that one file alone knows: whatever changes in them changes there. */
const HOMES: Record<string, string> = {
  '@agentclientprotocol/sdk': 'agent/coding/acp.ts',
};

const oneHome = {
  create(context: Context): Visitor {
    const path = pathOf(context);
    const check = (node: Syntax & { source?: Syntax | null }): void => {
      const [name, home] = Object.entries(HOMES).find(([name]) => isOf(name, node.source?.value)) ?? [];
      if (name === undefined || home === undefined || path === home) return;
      context.report({ node, message: `${name} is known to ${home} alone: say there what you need of it.` });
    };
    return {
      ImportDeclaration: check,
      ImportExpression: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
    };
  },
};

const isOf = (name: string, source: unknown): boolean =>
  typeof source === 'string' && (source === name || source.startsWith(`${name}/`));

const plugin = {
  meta: { name: 'house' },
  rules: {
    'no-vendor': noVendor,
    'no-command': noCommand,
    'one-home': oneHome,
    'small-folder': smallFolder,
  },
};
// oxlint wants a default export.
export default plugin;
