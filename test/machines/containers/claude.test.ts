// The real Claude Code in a bare Debian container: brought by the node, through the gateway to a scripted model, as a person uses it.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DesiredWorkspace } from '../../../agent/protocol.ts';
import { isInMemory, makeFile, prompt } from '../../agent/claude.ts';
import { KEY, sendMessage } from '../../fakes/model.ts';
import { claudeMissing, startRegistry } from '../../fakes/packages.ts';
import { isLeftOut } from '../../needs.ts';
import type { Node } from '../../testers/node.ts';
import { eventually } from '../../testers/watch.ts';
import { findNoEngine, startEngine, type TestEngine } from '../engine.ts';
import { beginReach, containerOf, openTerminal, TOKEN } from './reaching.ts';

describe.skipIf(isLeftOut('containers', findNoEngine()) || claudeMissing)(
  'Claude Code in a container',
  () => {
    let engine: TestEngine;
    beforeAll(async () => {
      engine = await startEngine({ withDebian: true });
    });
    afterAll(() => engine?.remove());

    /** Not on the node, not in the container, not in what its programs have in their environments and in memory. */
    const expectNowhere = (context: Node, goal: DesiredWorkspace, said: string) => {
      const found = spawnSync('grep', ['-rlaF', KEY, context.folder, '--exclude-dir=programs'], {
        encoding: 'utf8',
      });
      expect(found.stdout).toBe('');
      const container = containerOf(engine, goal);
      const changed = engine.docker(
        'exec',
        '--user',
        'root',
        container,
        'grep',
        '-rlaF',
        'mark-of-the-test',
        '/tmp',
      );
      expect(changed).toBe('/tmp/mark');
      const inside = `! grep -rlaF '${KEY}' /tmp /var /home /root /etc /opt/sam/claude /usr/games 2>/dev/null`;
      engine.docker('exec', '--user', 'root', container, 'sh', '-c', inside);
      const lines = engine.docker('top', container, '-eo', 'pid,args').split('\n');
      const pids = lines.flatMap((line) => (/claude|relay/.test(line) ? [Number.parseInt(line, 10)] : []));
      expect(pids.length).toBeGreaterThan(1);
      for (const pid of pids) {
        expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain(KEY);
        expect(isInMemory(pid, KEY)).toBe(false);
      }
      expect(execFileSync('ps', ['-axww', '-o', 'args='], { encoding: 'utf8' })).not.toContain(TOKEN);
      expect(said).not.toContain(KEY);
    };

    test('opens at its prompt, makes a file, and goes on with what was said after a stop', async () => {
      const packages = await startRegistry();
      const { context, agent, model, want } = await beginReach(engine, { remoteUser: 'games' }, { packages });
      model.answer = (asked, res) => sendMessage(res, asked.body, makeFile(asked));
      const goal = await want();
      const claude = await openTerminal(context, goal, 'claude');
      await claude.reads(/Claude Code comes to this node for the first time/);
      await eventually(() => /❯/.test(claude.state.output), 'the prompt', 120_000);
      await prompt(claude, 'make a file');
      await eventually(() => existsSync(join(context.checkout(goal), 'by-claude.txt')), 'the file', 60_000);
      await claude.reads(/made\./);
      expect(new Set(model.asked.map(({ headers }) => headers['x-api-key']))).toEqual(new Set([KEY]));
      const shell = await openTerminal(context, goal);
      shell.type(
        'echo mark-of-the-test > /tmp/mark; command -v claude; id -un; ls -d $CLAUDE_CONFIG_DIR/projects/*; echo end\n',
      );
      await shell.reads(
        /\/opt\/sam\/programs\/inside\/bin\/claude\s+games\s+\/opt\/sam\/claude\/projects\/-workspaces-api\s+end/,
      );
      expectNowhere(context, goal, agent.output() + claude.state.output);

      context.bot.want({ ...goal, desired: 'stopped' });
      await context.bot.report(goal.id, ({ phase }) => phase === 'stopped');
      context.bot.want({ ...goal, run: 2 });
      await context.bot.report(goal.id, ({ phase, run }) => phase === 'running' && run === 2);
      const again = await openTerminal(context, goal);
      again.type('claude --continue\n');
      await again.reads(/make.*a.*file/);
    });
  },
);
