// The metadata address of a cloud, and who on a machine reaches it: a namespace stands for the cloud, another one for a
// container. Knows no bot.
import type { Machine } from './machine.ts';

/** The cloud is behind one pair of interfaces, the container behind another; the machine passes on what is not its own. */
const SETUP = `
set -e
for one in cloud box; do
  ip netns add $one
  ip link add to-$one type veth peer name inside netns $one
  ip -n $one link set lo up
  ip link set to-$one up
  ip -n $one link set inside up
done
ip addr add 169.254.169.1/24 dev to-cloud
ip -n cloud addr add 169.254.169.254/24 dev inside
ip -n cloud route add default via 169.254.169.1
ip addr add 172.30.0.1/24 dev to-box
ip -n box addr add 172.30.0.2/24 dev inside
ip -n box route add default via 172.30.0.1
echo 1 > /proc/sys/net/ipv4/ip_forward
mkdir -p /run/cloud && echo metadata > /run/cloud/index.html
ip netns exec cloud python3 -m http.server 80 --bind 169.254.169.254 --directory /run/cloud > /dev/null 2>&1 &
echo $! > /run/cloud.pid
for i in $(seq 100); do ip netns exec cloud curl -fsS -m 1 http://169.254.169.254/ > /dev/null 2>&1 && exit 0; sleep 0.1; done
exit 1
`;
const CURL = 'curl -sS -o /dev/null --connect-timeout 3 http://169.254.169.254/ 2> /dev/null; echo $?';
/** Of curl. */
const ANSWERS: Record<string, string> = { 0: 'answered', 7: 'refused', 28: 'no answer' };

export function tryMetadata(machine: Machine, user: string): Record<string, string> {
  machine.run(SETUP);
  const ask = (prefix: string) => {
    const code = machine.run(`${prefix} sh -c '${CURL}'`).trim();
    return ANSWERS[code] ?? code;
  };
  const found = {
    root: ask(''),
    person: ask(`setpriv --reuid ${user} --regid ${user} --clear-groups`),
    container: ask('ip netns exec box'),
  };
  machine.run('systemctl stop sam-metadata');
  const open = ask('ip netns exec box');
  machine.run(
    'systemctl start sam-metadata; kill $(cat /run/cloud.pid); ip netns del box; ip netns del cloud',
  );
  return { ...found, 'container, without our rules': open };
}
