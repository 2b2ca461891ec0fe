#!/usr/bin/env python3
"""Makes a fresh machine a node: closes the metadata address, runs the bot's install script, which brings the agent and
starts it; then, while the agent works already, what people use. It knows nothing but where the bot is. Each step tells
the bot how it went, and one that the agent cannot do without ends the boot there, so that people read the reason
instead of a time-out. Python, because cloud-init brings it to every image."""
import http.client
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request

# The agent looks for it: what needs an engine waits until it is gone, whatever came of it. A restart forgets it.
COMING = '/run/sam-engine-coming'
ROOT = os.environ.get('SAM_BOOT_ROOT', '/')
APT = ['apt-get', '-q', '-y', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3']
WAITING_GIT = """#!/bin/sh
# Until the package is there: whoever needs git waits for it.
for _ in $(seq 1500); do [ -e /run/sam-git ] && exec /usr/bin/git "$@"; sleep 0.2; done
echo 'git was not installed in time' >&2
exit 127
"""


class Failed(Exception):
    """A sentence for people."""


def at(path):
    return os.path.join(ROOT, path.lstrip('/'))


def read_settings(path):
    with open(at(path), encoding='utf8') as lines:
        return dict(line.strip().split('=', 1) for line in lines if '=' in line)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """The token goes to the bot and nowhere else."""

    def redirect_request(self, *_):
        return None


SETTINGS = read_settings('/etc/sam/agent.env')
# How to get out: also for what this program starts.
if os.path.exists(at('/etc/sam/network.env')):
    os.environ.update(read_settings('/etc/sam/network.env'))
OPENER = urllib.request.build_opener(NoRedirect)


def call(path, body=None):
    headers = {'authorization': 'Bearer ' + SETTINGS['SAM_BOOTSTRAP_TOKEN']} if body else {}
    data = None if body is None else json.dumps(body).encode()
    if data:
        headers['content-type'] = 'application/json'
    return OPENER.open(urllib.request.Request(SETTINGS['SAM_URL'] + path, data, headers), timeout=30)


def patiently(work, tries=6):
    for attempt in range(tries):
        try:
            return work()
        except (OSError, ValueError, http.client.HTTPException) as error:
            if attempt == tries - 1 or getattr(error, 'code', 500) in (401, 404):
                raise Failed(f'asking the bot failed: {error}') from error
            time.sleep(2**attempt)


def report(step, ok, message=''):
    try:
        patiently(lambda: call('/agent/boot', {'step': step, 'ok': ok, 'message': message[:1000]}).close(), 3)
    except Failed as error:
        print(f'sam: {step}: not reported: {error}', flush=True)


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env={
        **os.environ, 'DEBIAN_FRONTEND': 'noninteractive', 'HOME': '/root'}, timeout=900)
    if done.returncode != 0:
        last = ' '.join((done.stderr or done.stdout).split()[-60:])
        raise Failed(f'`{" ".join(command[:3])}` ended with {done.returncode}: {last}')


def install(*packages):
    run(*APT, 'install', '--no-install-recommends', *packages)


def close_metadata():
    """Containers and people's processes have no business there: what booted the machine lies there."""
    if not shutil.which('nft'):
        run(*APT, 'update')
        install('nftables')
    run('systemctl', 'enable', '--now', 'sam-metadata.service')


def install_agent():
    """One way for every machine: where the agent lies, its hash and its unit are that script's matter."""
    if not shutil.which('curl') and not shutil.which('wget'):
        run(*APT, 'update')
        install('curl', 'ca-certificates')
    # A bot that has none says so at once, and to this program in a way that it understands.
    patiently(lambda: call('/api/agent/version').close())
    script = patiently(lambda: call('/api/agent/install-script').read())
    if not os.path.exists(at('/usr/bin/git')):
        with open(at('/usr/local/bin/git'), 'w', encoding='utf8') as shim:
            shim.write(WAITING_GIT)
        os.chmod(at('/usr/local/bin/git'), 0o755)
    env = {**os.environ, **SETTINGS, 'SAM_PREFIX': ROOT.rstrip('/')}
    done = subprocess.run(['sh', '-s'], input=script, capture_output=True, env=env, timeout=1500, check=False)
    if done.returncode != 0:
        lines = (done.stderr + done.stdout).decode(errors='replace').splitlines()
        said = [line[5:] for line in lines if line.startswith('sam: ')]
        raise Failed((said or lines or ['the install script failed without a word'])[-1])


def install_git():
    try:
        run(*APT, 'update')
        install('git', 'openssh-client')
    finally:
        # Nobody waits any longer, whatever came of it.
        open(at('/run/sam-git'), 'w', encoding='utf8').close()
        if os.path.lexists(at('/usr/local/bin/git')):
            os.remove(at('/usr/local/bin/git'))


def install_docker():
    """The distribution's own. The parts have other names in other releases."""
    try:
        known = subprocess.run(['apt-cache', 'pkgnames', 'docker'], capture_output=True, text=True, check=True)
        parts = ['docker-cli', 'docker-buildx', 'docker-compose-v2', 'docker-compose']
        there = [part for part in parts if part in known.stdout.split()]
        install('docker.io', *(part for part in there if part != 'docker-compose' or 'docker-compose-v2' not in there))
    finally:
        os.remove(at(COMING))


def allow_upgrades():
    """Not every image brings the program; what it may do is in 52sam-upgrades."""
    install('unattended-upgrades')
    run('systemctl', 'unmask', '--runtime', 'apt-daily.timer', 'apt-daily-upgrade.timer')
    run('systemctl', 'start', 'apt-daily.timer', 'apt-daily-upgrade.timer')


NEEDED = [('metadata', close_metadata), ('agent', install_agent)]
TOOLS = [('git', install_git), ('docker', install_docker), ('upgrades', allow_upgrades)]


def take(step, work):
    started = time.monotonic()
    try:
        work()
    except Exception as error:  # pylint: disable=broad-except
        report(step, False, str(error) or type(error).__name__)
        return False
    report(step, True, f'{time.monotonic() - started:.1f} s')
    return True


def main():
    open(at(COMING), 'w', encoding='utf8').close()
    if not all(take(*step) for step in NEEDED):
        return 1
    return 0 if all([take(*step) for step in TOOLS]) else 1


if __name__ == '__main__':
    raise SystemExit(main())
