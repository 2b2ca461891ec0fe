// `npm run bench -- NAME`: measures and prints. Nothing here fails on a time: machines differ, ratios do not.
import { benchBoot } from './boot.ts';
import { benchEnvironment } from './environment.ts';
import { benchGateway } from './gateway.ts';
import { benchGitHub } from './github.ts';
import { benchPorts } from './ports.ts';
import { benchRest } from './rest.ts';
import { benchTasks } from './tasks.ts';
import { benchTerminal } from './terminal.ts';

const benches: Record<string, () => Promise<void>> = {
  boot: benchBoot,
  environment: benchEnvironment,
  gateway: benchGateway,
  github: benchGitHub,
  ports: benchPorts,
  rest: benchRest,
  tasks: benchTasks,
  terminal: benchTerminal,
};

const name = process.argv[2] ?? '';
const bench = benches[name];
if (!bench) {
  console.error(
    `There is no bench called \`${name}\`. Known: ${Object.keys(benches).join(', ')}. For example \`npm run bench -- boot\`.`,
  );
  process.exit(1);
}
await bench();
