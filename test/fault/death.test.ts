import { expect } from 'chai';
import { z } from 'zod';
import type { Hsm, MaterialRef } from '../../src/keys/hsm.ts';
import { newMaterial, outcomeOf, passing, roundTrip, startLoad } from './load.ts';
import { eventually, isAlive } from './process.ts';
import { makeTier, type Tier } from './tier.ts';

const deadlineMilliseconds = 500;
const deathSchema = z.object({ time: z.number(), lived: z.number() });
/** A length that nothing but a test's own request has. */
const marked = Buffer.alloc(77, 7);
const context = Buffer.from('context');
/** A request waits up to 2 s for a host, and has its deadline and 1 s of slack; a round trip is two requests. */
const neverLonger = 2 * (2_000 + deadlineMilliseconds + 1_000);

describe('a token tier of one host', () => {
  let tier: Tier;
  let hsm: Hsm;
  const material: MaterialRef = newMaterial();

  // A tier for each test: deaths in a row make the pause before the next start longer.
  beforeEach(async () => {
    tier = makeTier({ hosts: 1, deadlineMilliseconds, faults: true });
    await tier.start();
    hsm = tier.connect();
    await hsm.claim('00112233445566778899aabbccddeeff');
    await hsm.generateKey(material);
  });
  afterEach(() => tier.close());

  /** What the supervisor logs of each death: when it was and how long the host had lived, in milliseconds. */
  function deaths(): z.infer<typeof deathSchema>[] {
    const lines = tier.output.split('\n').filter((line) => line.includes('"lived"') && line.endsWith('}'));
    return lines.map((line) => deathSchema.parse(JSON.parse(line)));
  }

  async function expectReplaced(pid: number, withinMilliseconds: number): Promise<void> {
    await eventually(
      'another host runs',
      () => !isAlive(pid) && tier.hostPids().length === 1,
      withinMilliseconds,
    );
    await eventually(
      'served again',
      async () => (await roundTrip(hsm, material)) === 'ok',
      withinMilliseconds,
    );
  }

  it('answers again within 2 seconds of a kill -9, and reads what it wrote before', async () => {
    const blob = await hsm.encrypt(material, context, marked);
    const pid = tier.hostPid();
    const begin = performance.now();
    process.kill(pid, 'SIGKILL');
    expect(passing).to.include(await roundTrip(hsm, material));
    await expectReplaced(pid, 2_000);
    expect(performance.now() - begin).to.be.below(2_000);
    expect(await hsm.decrypt(blob, context)).to.deep.equal(marked);
  });

  it('lets a call finish that is slow, and kills and replaces a host whose call is past its deadline', async () => {
    const pid = tier.hostPid();
    tier.inject({ times: 'once', fault: 'slow', call: 'C_Encrypt', length: marked.length, argument: 200 });
    expect(await outcomeOf(hsm.encrypt(material, context, marked))).to.equal('ok');
    expect(tier.hostPid()).to.equal(pid);
    tier.inject({ times: 'once', fault: 'hang', call: 'C_Encrypt', length: marked.length });
    const begin = performance.now();
    const stuck = outcomeOf(hsm.encrypt(material, context, marked));
    const behind = Array.from({ length: 20 }, () => outcomeOf(hsm.random(16)));
    expect(['timeout', 'unavailable']).to.include(await stuck);
    expect(performance.now() - begin).to.be.within(deadlineMilliseconds * 0.8, deadlineMilliseconds + 1_100);
    expect(passing).to.include.members(await Promise.all(behind));
    expect(performance.now() - begin).to.be.below(deadlineMilliseconds + 1_100);
    await expectReplaced(pid, 2_000);
    expect(tier.struck()).to.equal(2);
  });

  it('kills and replaces a host whose health check hangs', async () => {
    const pid = tier.hostPid();
    tier.inject({ times: 'once', fault: 'hang', call: 'C_GetTokenInfo' });
    await eventually('the host is gone', () => !isAlive(pid), 2_000 + deadlineMilliseconds + 1_500);
    await expectReplaced(pid, 2_000);
  });

  it('replaces a host that was stopped', async () => {
    const pid = tier.hostPid();
    process.kill(pid, 'SIGSTOP');
    expect(['timeout', 'unavailable']).to.include(await roundTrip(hsm, material));
    await eventually('the host is gone', () => !isAlive(pid), deadlineMilliseconds + 2_000 + 1_500);
    await expectReplaced(pid, 2_000);
  });

  it('replaces a host that crashes inside the library', async () => {
    const blob = await hsm.encrypt(material, context, marked);
    const pid = tier.hostPid();
    tier.inject({ times: 'once', fault: 'crash', call: 'C_Decrypt', length: marked.length + 16 });
    expect(['timeout', 'unavailable']).to.include(await outcomeOf(hsm.decrypt(blob, context)));
    await expectReplaced(pid, 2_000);
    expect(await hsm.decrypt(blob, context)).to.deep.equal(marked);
  });

  it('replaces a host although a process that its library started holds its pipe', async () => {
    const pid = tier.hostPid();
    tier.inject({ times: 'once', fault: 'linger', call: 'C_Encrypt', length: marked.length });
    expect(await outcomeOf(hsm.encrypt(material, context, marked))).to.equal('ok');
    expect(tier.struck()).to.equal(1);
    process.kill(pid, 'SIGKILL');
    await expectReplaced(pid, 2_000);
  });

  it('backs off in a crash loop, answers meanwhile, and serves again when the cause is gone', async () => {
    tier.inject({ times: 'always', fault: 'crash', call: 'C_Initialize' });
    process.kill(tier.hostPid(), 'SIGKILL');
    expect(['timeout', 'unavailable']).to.include(await roundTrip(hsm, material));
    await eventually('four deaths', () => deaths().length >= 4, 8_000);
    tier.inject();
    await eventually('served again', async () => (await roundTrip(hsm, material)) === 'ok', 8_000);
    // From one death to the next lie a pause and the next life.
    const pauses = deaths().map(
      ({ time, lived }, index, all) => time - lived - (all[index - 1]?.time ?? time),
    );
    expect(pauses[1]).to.be.below(200);
    expect(pauses[2]).to.be.at.least(240);
    expect(pauses[3]).to.be.at.least(490);
  }).timeout(30_000);
});

describe('a token tier of two hosts', () => {
  let tier: Tier;
  let hsm: Hsm;
  const material: MaterialRef = newMaterial();

  before(async () => {
    tier = makeTier({ hosts: 2, deadlineMilliseconds, faults: true });
    await tier.start();
    hsm = tier.connect();
    await hsm.claim('00112233445566778899aabbccddeeff');
    await hsm.generateKey(material);
  });
  beforeEach(async () => {
    const bothServe = async () => {
      const { hosts } = await hsm.checkHealth();
      return hosts.length === 2 && hosts.every(({ problem }) => problem === undefined);
    };
    await eventually('both hosts serve', bothServe, 8_000);
  });
  afterEach(() => tier.inject());
  after(() => tier.close());

  it('under 64 requests in flight, loses hosts to kill -9 without a hang or a wrong answer', async () => {
    const load = startLoad(hsm, material, 64);
    await load.successes(100);
    for (const victims of [tier.hostPids().slice(0, 1), tier.hostPids().slice(1), tier.hostPids()]) {
      const begin = performance.now();
      for (const pid of victims) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
      await eventually(
        'both run',
        () => tier.hostPids().filter((pid) => !victims.includes(pid)).length === 2,
        2_000,
      );
      await load.successes(65);
      expect(performance.now() - begin).to.be.below(2_000);
    }
    await load.stop();
    expect(passing).to.include.members([...load.outcomes.keys()]);
    expect(load.slowest()).to.be.below(neverLonger);
  });

  it('gives the turn to log in on from a host that died in it, although another process holds its pipe', async () => {
    const struck = tier.struck();
    const once = (fault: 'linger' | 'crash') => ({ times: 'once', fault, call: 'C_Login' }) as const;
    tier.inject(once('linger'), once('crash'));
    const pids = tier.hostPids();
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await eventually('both died', () => !pids.some(isAlive), 1_000);
    const bothServe = async () => {
      const { hosts } = await hsm.checkHealth();
      return hosts.every(({ connected, problem }) => connected && problem === undefined);
    };
    await eventually('both serve', bothServe, 4_000);
    expect(tier.struck() - struck).to.equal(2);
  });

  it("while one host's call hangs, the other serves everyone else", async () => {
    const pids = tier.hostPids();
    tier.inject({ times: 'once', fault: 'hang', call: 'C_Encrypt', length: marked.length });
    const stuck = outcomeOf(hsm.encrypt(material, context, marked));
    await eventually('the call hangs', () => tier.struck() > 0, 1_000);
    let served = 0;
    while (pids.every(isAlive)) {
      expect(await roundTrip(hsm, material)).to.equal('ok');
      served += 1;
    }
    expect(served).to.be.above(50);
    expect(['timeout', 'unavailable']).to.include(await stuck);
    await eventually('both run', () => tier.hostPids().length === 2, 2_000);
    expect(tier.hostPids().filter((pid) => pids.includes(pid))).to.have.length(1);
  });
});
