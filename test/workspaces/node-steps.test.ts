// What comes next for a node, and on which one a workspace goes: pure decisions, no database.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Node, Size } from '../../bot/database/schema.ts';
import type { DnsRecord } from '../../bot/dns/dns.ts';
import type { Server } from '../../bot/providers/provider.ts';
import { nextNodeStep } from '../../bot/workspaces/node.ts';
import { chooseNode, type Candidate } from '../../bot/workspaces/placement.ts';
import { after, life, nodeRow, serverOf, T0, timing } from './rows.ts';

const step = (patch: Partial<Node>, server = serverOf() as ReturnType<typeof serverOf> | null, ms = 0) =>
  nextNodeStep(nodeRow(patch), { server: server ?? undefined }, true, after(ms), life);
const unwanted = (patch: Partial<Node>, server = serverOf(), ms = 0) =>
  nextNodeStep(nodeRow(patch), { server }, false, after(ms), life);

describe('making', () => {
  const fresh = {
    phase: 'creating',
    createSentAt: null,
    observedAt: null,
    readyAt: null,
    lastHeardAt: null,
  } as const;

  test('one that was never sent is made, however long ago it was wanted', () => {
    expect(step(fresh, null, 1e9)).toEqual({ do: 'create' });
  });

  test('after a create without an answer absence is believed only when it has been quiet long enough', () => {
    const sent = { ...fresh, createSentAt: T0 };
    expect(step(sent, null, timing.quietMs - 1)).toMatchObject({ do: 'wait', until: after(timing.quietMs) });
    expect(step(sent, null, 0)).toMatchObject({ do: 'wait', until: after(timing.lookAgainMs) });
    expect(step(sent, null, timing.quietMs)).toEqual({ do: 'create' });
    expect(step(sent, serverOf(), 1)).toMatchObject({ do: 'enter', phase: 'booting' });
  });

  test('one that nobody wants any more is not made, and adopted if it is there', () => {
    const gone = (sent: Date | null, server: ReturnType<typeof serverOf> | undefined) =>
      nextNodeStep(nodeRow({ ...fresh, createSentAt: sent }), { server }, false, after(1), life);
    expect(gone(null, undefined)).toEqual({ do: 'discard' });
    expect(gone(T0, undefined)).toEqual({ do: 'discard' });
    expect(gone(T0, serverOf())).toMatchObject({ do: 'enter', phase: 'booting' });
  });

  test('one that takes long is looked at less and less often: calls are counted', () => {
    const booting = { phase: 'booting', readyAt: null, lastHeardAt: null } as const;
    const looks: number[] = [];
    for (let ms = 0; ms < timing.bootMs;) {
      const next = step(booting, serverOf(), ms);
      if (next.do !== 'wait' || !next.until) throw new Error(`it does not wait, but ${next.do}`);
      ms = next.until.getTime() - T0.getTime();
      looks.push(ms);
    }
    expect(looks[0]).toBe(timing.lookAgainMs);
    expect(looks.at(-1)).toBe(timing.bootMs);
    expect(looks.length).toBeLessThan(40);
    const pauses = looks.map((at, index) => at - (looks[index - 1] ?? 0));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(10 * timing.lookAgainMs);
  });

  test('one that no workspace wants any more is not made; one that is ahead of its workspace is, for as long as it waits', () => {
    const stepOf = (idleSince: Date | null, ms: number) =>
      nextNodeStep(nodeRow({ ...fresh, idleSince }), { server: undefined }, false, after(ms), life);
    expect(stepOf(null, 0)).toEqual({ do: 'discard' });
    expect(stepOf(T0, life.nodeWarmMs - 1)).toEqual({ do: 'create' });
    expect(stepOf(T0, life.nodeWarmMs)).toEqual({ do: 'discard' });
  });

  test('it is not tried for ever, and the last reason is kept', () => {
    const sent = { ...fresh, createSentAt: after(timing.creatingMs - timing.quietMs) };
    expect(step(sent, null, timing.creatingMs)).toMatchObject({ do: 'fail', failure: { class: 'provider' } });
    const lastError = { class: 'provider', message: 'no room in nbg1' } as const;
    expect(step({ ...sent, lastError }, null, timing.creatingMs)).toEqual({ do: 'fail', failure: lastError });
  });

  test('a machine whose agent never calls is given up, also one that never gets up', () => {
    const booting = { phase: 'booting', readyAt: null, lastHeardAt: null } as const;
    expect(step(booting, serverOf('off'), 1)).toMatchObject({ do: 'start' });
    for (const status of ['starting', 'running', 'off', 'removing'] as const)
      expect(step(booting, serverOf(status), timing.bootMs)).toMatchObject({ do: 'fail' });
    expect(step(booting, null, 1)).toMatchObject({ do: 'fail' });
    expect(step({ ...booting, lastHeardAt: T0 }, serverOf(), 1)).toMatchObject({
      do: 'enter',
      phase: 'ready',
    });
  });
});

describe('living', () => {
  test('a silence while the bot did not listen is not held against it', () => {
    const silent = timing.silenceMs;
    const since = (phase: Node['phase'], ms: number) =>
      nextNodeStep(nodeRow({ phase }), { server: serverOf() }, true, after(ms), {
        ...life,
        listeningSince: after(10 * silent),
      });
    expect(since('ready', 11 * silent - 1)).toEqual({ do: 'wait', until: null });
    expect(since('ready', 11 * silent)).toMatchObject({ do: 'enter', phase: 'unhealthy' });
    expect(since('unhealthy', 10 * silent)).toMatchObject({ do: 'wait' });
  });

  test('it is unhealthy when silent or off, is started again, and comes back when it speaks', () => {
    const silent = timing.silenceMs;
    expect(step({}, serverOf(), silent - 1)).toEqual({ do: 'wait', until: null });
    expect(step({}, serverOf(), silent)).toMatchObject({ do: 'enter', phase: 'unhealthy' });
    expect(step({}, serverOf('off'))).toMatchObject({ do: 'enter', phase: 'unhealthy' });
    expect(step({ phase: 'unhealthy' }, serverOf('off'))).toMatchObject({ do: 'start' });
    expect(step({ phase: 'unhealthy' }, serverOf(), silent)).toEqual({
      do: 'wait',
      until: after(2 * silent),
    });
    expect(step({ phase: 'unhealthy' }, serverOf(), 1)).toMatchObject({ do: 'enter', phase: 'ready' });
  });

  test('with no workspace left it stays warm for a while, then it goes; a new one keeps it', () => {
    expect(unwanted({}, serverOf(), 5)).toEqual({ do: 'idle', since: after(5) });
    expect(unwanted({ idleSince: T0, lastHeardAt: after(1e6) }, serverOf(), 1)).toEqual({
      do: 'wait',
      until: after(life.nodeWarmMs),
    });
    expect(unwanted({ idleSince: T0, lastHeardAt: after(1e6) }, serverOf(), life.nodeWarmMs)).toEqual({
      do: 'discard',
    });
    expect(step({ idleSince: T0 })).toEqual({ do: 'idle', since: null });
  });

  test('one that nobody wants while it still boots, or after its boot failed, goes when the same time is over', () => {
    const booting = { phase: 'booting', readyAt: null, lastHeardAt: null } as const;
    const warm = 50;
    const at = (patch: Partial<Node>, ms: number, nodeWarmMs = warm) =>
      nextNodeStep(nodeRow(patch), { server: serverOf() }, false, after(ms), { ...life, nodeWarmMs });
    for (const patch of [booting, { ...booting, phase: 'failed' } as const]) {
      expect(at(patch, 5)).toEqual({ do: 'idle', since: after(5) });
      const idle = { ...patch, idleSince: T0 };
      expect(at(idle, 1)).toEqual({ do: 'wait', until: after(warm) });
      expect(at(idle, warm)).toEqual({ do: 'discard' });
      expect(at(idle, 0, 0)).toEqual({ do: 'discard' });
      expect(step(idle)).toEqual({ do: 'idle', since: null });
    }
    // Until then it goes on: the owner's next workspace may land there.
    const heard = { ...booting, idleSince: T0, lastHeardAt: T0 };
    expect(unwanted(heard, serverOf(), 1)).toMatchObject({ do: 'enter', phase: 'ready' });
  });

  test('one that is off and unwanted is not started, and goes like any other', () => {
    expect(unwanted({ phase: 'unhealthy' }, serverOf('off'))).toMatchObject({ do: 'idle' });
    expect(unwanted({ phase: 'unhealthy', idleSince: T0 }, serverOf('off'), life.nodeWarmMs)).toEqual({
      do: 'discard',
    });
  });

  test('a server that vanished is a failure, and a failed node is given up', () => {
    expect(step({}, null)).toMatchObject({ do: 'fail' });
    expect(step({ phase: 'failed' }, null)).toEqual({ do: 'discard' });
  });

  test('a machine that missed its deadline is kept for a while, and works if its agent calls in it', () => {
    const late = (patch: Partial<Node>, ms: number, server: Server | undefined = serverOf()) =>
      nextNodeStep(
        nodeRow({ phase: 'failed', lastHeardAt: null, ...patch }),
        { server },
        true,
        after(ms),
        life,
      );
    const { rescueMs } = timing;
    expect(late({}, 0)).toMatchObject({ do: 'wait' });
    expect(late({}, rescueMs)).toEqual({ do: 'discard' });
    expect(late({ lastHeardAt: after(1) }, 2)).toMatchObject({ do: 'enter', phase: 'ready' });
    expect(late({ lastHeardAt: after(1) }, rescueMs)).toEqual({ do: 'discard' });
    expect(late({ lastHeardAt: after(-timing.silenceMs) }, 1)).toMatchObject({ do: 'wait' });
    expect(late({ lastHeardAt: after(1) }, 2, serverOf('removing'))).toEqual({ do: 'discard' });
    const bootFailure = { class: 'provider', message: 'no agent for it' } as const;
    expect(late({ lastHeardAt: after(1), bootFailure }, 2)).toEqual({ do: 'discard' });
    // Its name has to lead to it first.
    const step = nextNodeStep(
      nodeRow({ phase: 'failed', lastHeardAt: after(1) }),
      { server: { ...serverOf(), address: '192.0.2.1' }, records: [] },
      true,
      after(2),
      life,
    );
    expect(step).toMatchObject({ do: 'setDnsRecord', address: '192.0.2.1' });
  });
});

describe('going', () => {
  const going = { desired: 'deleted', phase: 'deleting' } as const;

  test('it is deleted when the provider says gone, never before', () => {
    for (const status of ['starting', 'running', 'off', 'removing'] as const)
      expect(step(going, serverOf(status), 1e9)).toMatchObject({ do: 'remove' });
    expect(step(going, null, 1)).toMatchObject({ do: 'enter', phase: 'deleted' });
  });

  test('a server nobody has seen yet may still come', () => {
    const unseen = { ...going, observedAt: null };
    expect(step(unseen, null, timing.quietMs - 1)).toMatchObject({ do: 'wait' });
    expect(step(unseen, null, timing.quietMs)).toMatchObject({ do: 'enter', phase: 'deleted' });
    expect(step({ ...unseen, createSentAt: null }, null)).toMatchObject({ do: 'enter', phase: 'deleted' });
  });
});

describe('the choice of a node', () => {
  const RANK = { small: 0, medium: 1, large: 2 };
  const size = fc.constantFrom<Size>('small', 'medium', 'large');
  const candidate: fc.Arbitrary<Candidate> = fc.record({
    workspaces: fc.nat(5),
    node: fc
      .record({
        id: fc.string({ minLength: 1, maxLength: 6 }),
        size,
        desired: fc.constantFrom('running', 'deleted'),
        phase: fc.constantFrom('creating', 'booting', 'ready', 'unhealthy', 'deleting', 'failed'),
        createdAt: fc.nat(3).map(after),
        load: fc.constantFrom(null, { cpu: 0, memory: 0 }, { cpu: 0.9, memory: 0.5 }),
      } as const)
      .map(nodeRow),
  });
  const several = fc.uniqueArray(candidate, { maxLength: 8, selector: ({ node }) => node.id });

  test('it is alive, large enough, has room, and is the least loaded of those', () => {
    fc.assert(
      fc.property(several, size, fc.nat(5), (candidates, wanted, perNode) => {
        const fits = ({ node, workspaces }: Candidate) =>
          node.desired === 'running' &&
          ['creating', 'booting', 'ready'].includes(node.phase) &&
          RANK[node.size] >= RANK[wanted] &&
          (perNode === 0 || workspaces < perNode);
        const chosen = chooseNode(candidates, wanted, perNode);
        const fitting = candidates.filter(fits);
        expect(chosen === undefined).toBe(fitting.length === 0);
        if (!chosen) return;
        const mine = fitting.find(({ node }) => node.id === chosen.id);
        expect(mine).toBeDefined();
        // One workspace more weighs as much as a machine under full load.
        for (const other of fitting) expect(mine!.workspaces).toBeLessThanOrEqual(other.workspaces + 1);
      }),
    );
  });

  test('it does not depend on the order in which the rows come, and changes none', () => {
    fc.assert(
      fc.property(several, size, fc.nat(5), (candidates, wanted, perNode) => {
        const before = candidates.map(({ node }) => node.id);
        const chosen = chooseNode(candidates, wanted, perNode)?.id;
        expect(chooseNode(candidates.toReversed(), wanted, perNode)?.id).toBe(chosen);
        expect(candidates.map(({ node }) => node.id)).toEqual(before);
      }),
    );
  });

  test('of two with as many workspaces it is the one that has less to do, as their agents last said', () => {
    const at = (id: string, cpu: number, memory: number) => ({
      node: nodeRow({ id, load: { cpu, memory } }),
      workspaces: 1,
    });
    expect(chooseNode([at('a', 0.9, 0.2), at('b', 0.1, 0.2)], 'small', 3)?.id).toBe('b');
    expect(chooseNode([at('a', 0.1, 0.9), at('b', 0.1, 0.2)], 'small', 3)?.id).toBe('b');
  });

  test('among equals it is the oldest', () => {
    const born = (id: string, ms: number) => ({ node: nodeRow({ id, createdAt: after(ms) }), workspaces: 1 });
    expect(chooseNode([born('a', 2), born('b', 1), born('c', 3)], 'small', 3)?.id).toBe('b');
  });
});

describe('the name', () => {
  const ADDRESS = '192.0.2.7';
  const server = { ...serverOf(), address: ADDRESS };
  const record = (patch: Partial<DnsRecord> = {}): DnsRecord => ({
    id: 'r1',
    name: 'vm-one.nodes.example.com',
    address: ADDRESS,
    isProxied: true,
    node: nodeRow({}).id,
    createdAt: T0,
    ...patch,
  });
  const named = (patch: Partial<Node>, records: DnsRecord[] | 'unknown', ms = 0, seen = server as Server) =>
    nextNodeStep(nodeRow(patch), { server: seen, records }, true, after(ms), life);
  const booting = { phase: 'booting', readyAt: null, lastHeardAt: T0 } as const;

  test('a machine whose agent has called is ready only when its name leads to it', () => {
    expect(named(booting, [])).toMatchObject({ do: 'setDnsRecord', address: ADDRESS });
    expect(named(booting, [record()])).toMatchObject({ do: 'enter', phase: 'ready' });
    // No address yet, or a DNS that cannot be asked: it waits, for so long.
    expect(named(booting, [], 0, serverOf())).toMatchObject({ do: 'wait' });
    expect(named(booting, 'unknown')).toMatchObject({ do: 'wait' });
    expect(named(booting, 'unknown', timing.bootMs)).toMatchObject({ do: 'fail' });
    // Without a DNS nothing is missing.
    expect(step(booting)).toMatchObject({ do: 'enter', phase: 'ready' });
  });

  test('one that leads elsewhere, is double, bare, or of another node is mended, while somebody works there', () => {
    const wrong = [
      [record({ address: '192.0.2.8' })],
      [record(), record({ id: 'r2' })],
      [record({ isProxied: false })],
      [record({ node: 'nd-other' })],
      [],
    ];
    for (const records of wrong) {
      expect(named({}, records)).toMatchObject({ do: 'setDnsRecord' });
      expect(nextNodeStep(nodeRow({}), { server, records }, false, after(1), life)).toMatchObject({
        do: 'idle',
      });
    }
    expect(named({}, [record()])).toEqual({ do: 'wait', until: null });
    expect(named({}, 'unknown')).toEqual({ do: 'wait', until: null });
    const v6 = { ...server, address: '2001:db8::1' };
    expect(named({}, [record({ address: '2001:0db8:0:0::1' })], 0, v6)).toEqual({ do: 'wait', until: null });
  });

  test('a node is deleted when machine and name are seen to be gone, the machine first', () => {
    const going = { desired: 'deleted', phase: 'deleting', recordSentAt: T0 } as const;
    const late = timing.quietMs;
    const gone = (records: DnsRecord[] | 'unknown', seen: Server | undefined, ms = late) =>
      nextNodeStep(nodeRow(going), { server: seen, records }, false, after(ms), life);
    expect(gone([record()], server)).toMatchObject({ do: 'remove' });
    expect(gone('unknown', server)).toMatchObject({ do: 'remove' });
    expect(gone([record()], serverOf('removing'))).toMatchObject({
      do: 'removeDnsRecords',
      records: [record()],
    });
    expect(gone([], serverOf('removing'))).toMatchObject({ do: 'remove' });
    expect(gone([record()], undefined)).toMatchObject({ do: 'removeDnsRecords' });
    expect(gone('unknown', undefined)).toMatchObject({ do: 'wait' });
    expect(gone([], undefined)).toEqual({ do: 'enter', phase: 'deleted' });
    // A record whose answer got lost may still land.
    expect(gone([], undefined, late - 1)).toMatchObject({ do: 'wait' });
  });

  test('a step of the boot that failed ends it at once, with what the machine said', () => {
    const bootFailure = { class: 'provider', message: 'no agent for it' } as const;
    expect(step({ ...booting, bootFailure })).toEqual({ do: 'fail', failure: bootFailure });
    expect(step({ bootFailure })).toEqual({ do: 'wait', until: null });
  });
});
