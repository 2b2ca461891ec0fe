// What Hetzner shows of its things, with every field that its description wants. Knows no HTTP and no rules.
import { LOCATIONS, SERVER_TYPES, type FakeAction, type FakeFirewall, type FakeMachine } from './project.ts';

/** Net prices in EUR, an hour and a month, by server type. */
export const PRICES: Record<string, [string, string]> = {
  cx23: ['0.0056', '3.4900'],
  cx33: ['0.0088', '5.4900'],
  cx43: ['0.0152', '9.4900'],
  cax11: ['0.0060', '3.7900'],
  cax21: ['0.0104', '6.4900'],
  cax31: ['0.0200', '12.4900'],
};
const ADDRESS: [string, string] = ['0.0008', '0.5000'];

export function showAction(action: FakeAction, now: number) {
  const share = (now - action.started) / Math.max(1, action.ends - action.started);
  return {
    id: action.id,
    command: action.command,
    status: action.isFinished ? 'success' : 'running',
    progress: action.isFinished ? 100 : Math.min(99, Math.max(0, Math.round(share * 100))),
    started: new Date(action.started).toISOString(),
    finished: action.isFinished ? new Date(action.ends).toISOString() : null,
    resources: action.resources,
    error: null,
  };
}

export function showFirewall({ id, name, created, labels, rules }: FakeFirewall, servers: FakeMachine[]) {
  const applied = servers.filter(({ firewalls }) => firewalls.includes(id));
  return {
    id,
    name,
    created,
    labels,
    rules: rules.map((rule) => ({
      description: null,
      port: null,
      source_ips: [],
      destination_ips: [],
      ...rule,
    })),
    applied_to: applied.map((server) => ({ type: 'server', server: { id: server.id } })),
  };
}

/** Without `datacenter`, as since July 2026. */
export function showServer(server: FakeMachine, isLocked: boolean) {
  return {
    id: server.id,
    name: server.name,
    status: server.status,
    created: server.created,
    labels: server.labels,
    locked: isLocked,
    server_type: showServerType(server.serverType),
    location: showLocation(server.location),
    image: null,
    iso: null,
    backup_window: null,
    included_traffic: 21_990_232_555_520,
    ingoing_traffic: null,
    outgoing_traffic: null,
    primary_disk_size: 40,
    private_net: [],
    protection: { delete: server.isProtected, rebuild: server.isProtected },
    public_net: {
      ipv4: { id: server.id, ip: server.ip, blocked: false, dns_ptr: `static.${server.ip}.example` },
      ipv6: { id: server.id + 1, ip: '2001:db8:1::/64', blocked: false, dns_ptr: [] },
      floating_ips: [],
      firewalls: server.firewalls.map((id) => ({ id, status: 'applied' })),
    },
    rescue_enabled: false,
    volumes: [],
    load_balancers: [],
  };
}

const showLocation = (name: string) => ({
  id: LOCATIONS.indexOf(name) + 1,
  name,
  description: name,
  city: 'Somewhere',
  country: 'DE',
  latitude: 50,
  longitude: 12,
  network_zone: 'eu-central',
});

function showServerType(name: string) {
  const type = SERVER_TYPES[name];
  return {
    id: type?.id ?? 0,
    name,
    description: name.toUpperCase(),
    cores: type?.cores ?? 0,
    memory: type?.memory ?? 0,
    disk: 40,
    architecture: type?.arch ?? 'x86',
    cpu_type: 'shared',
    storage_type: 'local',
    deprecated: false,
    locations: [],
    prices: [],
  };
}

const gross = (net: string) => ({ net, gross: (Number(net) * 1.19).toFixed(10) });

const priceAt = (location: string, [hour, month]: [string, string]) => ({
  location,
  price_hourly: gross(hour),
  price_monthly: gross(month),
  price_per_tb_traffic: gross('1.0000'),
  included_traffic: 21_990_232_555_520,
});

export function showPricing() {
  const everywhere = (price: [string, string]) => LOCATIONS.map((location) => priceAt(location, price));
  const types = Object.entries(PRICES);
  return {
    currency: 'EUR',
    vat_rate: '19.000000',
    server_types: types.map(([name, price]) => ({
      id: SERVER_TYPES[name]?.id ?? 0,
      name,
      prices: everywhere(price),
    })),
    primary_ips: [{ type: 'ipv4', prices: everywhere(ADDRESS) }],
    floating_ip: { price_monthly: gross('3.0000') },
    floating_ips: [],
    image: { price_per_gb_month: gross('0.0110') },
    load_balancer_types: [],
    server_backup: { percentage: '20.000000' },
    volume: { price_per_gb_month: gross('0.0440') },
  };
}
