// What a VM boots with: an object, serialised, so that no text can change its shape. Knows no cloud and no row.
//
// In it: where the bot is, which node this is, how it gets out, and the one-time token, which is worth nothing once the agent
// has used it or after 15 minutes. No repository, ref or name of a person is an input. The rest is the same for every node:
// rules, and boot/boot.py, which runs the bot's own install script (agents/install.sh: the agent, its hash, its folder, its
// unit) and reports each step.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerOrder } from '../provider.ts';
import { variablesFor, type Network } from './network.ts';

/** Hetzner takes no more; ours has half of that. */
export const MAX_BYTES = 32 * 1024;

const BOOT = readFileSync(join(import.meta.dirname, 'boot.py'), 'utf8');

/** `#cloud-config` and JSON, which is YAML. Throws if something of `boot` is not what it should be. */
export function bootData(boot: ServerOrder['boot'], network?: Network): string {
  const text = `#cloud-config\n${JSON.stringify(configFor(boot, network), null, 1)}\n`;
  if (Buffer.byteLength(text) > MAX_BYTES) throw new Error('the boot data has grown too large');
  return text;
}

interface File {
  path: string;
  /** Octal. */
  permissions: string;
  content: string;
}

function configFor(boot: ServerOrder['boot'], network?: Network) {
  return {
    // People come in through the terminal; the firewall lets nothing else through either.
    ssh_pwauth: false,
    write_files: [environment(boot), ...FILES, ...(network ? networkFiles(network) : [])],
    // Before anything of ours asks anybody.
    ...(network?.authorities.length && { ca_certs: { trusted: network.authorities } }),
    // Once, and early: the timers would hold the lock that the first installation needs.
    bootcmd: [
      ['cloud-init-per', 'instance', 'sam-apt', 'systemctl', 'mask', '--runtime', '--now', ...APT_TIMERS],
    ],
    runcmd: [['python3', '/opt/sam/boot.py']],
  };
}

const APT_TIMERS = ['apt-daily.timer', 'apt-daily-upgrade.timer'];

/** The agent's unit, the install script and boot.py read it: one variable a line, no quotes, so no character that would need some. */
function environment({ url, node, bootstrapToken }: ServerOrder['boot']): File {
  const { origin } = new URL(url);
  if (origin !== url || !/^https?:\/\/[a-z0-9.:[\]-]+$/.test(url))
    throw new Error('the address of the bot is no origin');
  if (!/^nd-[a-z2-7]{12}$/.test(node)) throw new Error('this is no id of a node');
  if (!/^[\w-]{20,200}$/.test(bootstrapToken)) throw new Error('this is no bootstrap token');
  const variables = {
    SAM_URL: url,
    SAM_NODE: node,
    SAM_BOOTSTRAP_TOKEN: bootstrapToken,
    SAM_DIR: '/var/lib/sam',
  };
  return { path: '/etc/sam/agent.env', permissions: '0600', content: linesOf(variables) };
}

const linesOf = (variables: Record<string, string>): string =>
  Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');

/** For the agent, and so for git and people's sessions; for boot.py; for Docker and for upgrades. */
function networkFiles(network: Network): File[] {
  const variables = linesOf(variablesFor(network));
  if (variables === '') return [];
  const { proxy, direct } = network;
  const named = direct.filter((host) => /^\w[\w.-]*$/.test(host));
  const ways = [`Proxy "${proxy}"`, ...named.map((host) => `Proxy::${host} "DIRECT"`)];
  const apt = ['http', 'https']
    .flatMap((scheme) => ways.map((way) => `Acquire::${scheme}::${way};\n`))
    .join('');
  return [
    { path: '/etc/sam/network.env', permissions: '0600', content: variables },
    {
      path: '/etc/systemd/system/docker.service.d/sam.conf',
      permissions: '0644',
      content: '[Service]\nEnvironmentFile=/etc/sam/network.env\n',
    },
    ...(proxy ? [{ path: '/etc/apt/apt.conf.d/51sam-proxy', permissions: '0644', content: apt }] : []),
  ];
}

/** Root may still ask: cloud-init does at each boot. Who is root in a container of the host's network is root here. */
const METADATA_RULES = `table inet sam {
  chain output {
    type filter hook output priority filter; policy accept;
    ip daddr 169.254.169.254 meta skuid != 0 reject
  }
  chain forward {
    type filter hook forward priority filter - 1; policy accept;
    ip daddr 169.254.169.254 drop
  }
}
`;

const METADATA_UNIT = `[Unit]
Description=Closes the metadata address to containers and people's processes
Before=docker.service sam-agent.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=nft -f /etc/sam/metadata.nft
ExecStop=nft delete table inet sam

[Install]
WantedBy=multi-user.target
`;

/** Security updates come in by themselves, but never restart the machine, the agent or the containers on it. */
const UPGRADES = `Unattended-Upgrade::Automatic-Reboot "false";
Unattended-Upgrade::Package-Blacklist { "docker.io"; "containerd"; "runc"; };
`;

const FILES: File[] = [
  { path: '/opt/sam/boot.py', permissions: '0700', content: BOOT },
  { path: '/etc/systemd/system/sam-metadata.service', permissions: '0644', content: METADATA_UNIT },
  { path: '/etc/sam/metadata.nft', permissions: '0644', content: METADATA_RULES },
  { path: '/etc/apt/apt.conf.d/52sam-upgrades', permissions: '0644', content: UPGRADES },
  // Listed, and left to run.
  {
    path: '/etc/needrestart/conf.d/50-sam.conf',
    permissions: '0644',
    content: "$nrconf{restart} = 'l';\n1;\n",
  },
];
