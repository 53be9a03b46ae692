import { setTimeout as rest } from 'node:timers/promises';
import { expect } from 'chai';
import type { Hsm } from '../../src/keys/hsm.ts';
import { newMaterial, outcomeOf, passing, roundTrip } from './load.ts';
import { eventually, isAlive } from './process.ts';
import { makeTier, type Tier } from './tier.ts';

describe('the supervisor', () => {
  let tier: Tier;
  let hsm: Hsm;
  const material = newMaterial();

  before(async () => {
    tier = makeTier({ hosts: 2 });
    await tier.start();
    hsm = tier.connect();
    await hsm.claim('00112233445566778899aabbccddeeff');
    await hsm.generateKey(material);
  });
  after(() => tier.close());

  it('killed with -9 takes its hosts along, and a client goes on with the next one', async () => {
    const hosts = tier.hostPids();
    expect(hosts).to.have.length(2);
    process.kill(tier.supervisorPid, 'SIGKILL');
    await tier.ended();
    await eventually('the hosts are gone', () => !hosts.some(isAlive), 2_000);
    expect(['unavailable', 'timeout']).to.include(await outcomeOf(hsm.random(16)));
    await tier.start();
    await eventually('served again', async () => (await roundTrip(hsm, material)) === 'ok', 2_000);
  });

  it('told to end by SIGTERM ends its hosts and itself with code 0', async () => {
    const hosts = tier.hostPids();
    process.kill(tier.supervisorPid, 'SIGTERM');
    expect(passing).to.include(await roundTrip(hsm, material));
    expect((await tier.ended()).code).to.equal(0);
    expect(hosts.filter(isAlive)).to.deep.equal([]);
    await tier.start();
    await eventually('served again', async () => (await roundTrip(hsm, material)) === 'ok', 2_000);
  });

  it('that was stopped and goes on kills no host for the silence meanwhile', async () => {
    const hasty = makeTier({ hosts: 1, deadlineMilliseconds: 200 });
    try {
      await hasty.start();
      const host = hasty.hostPid();
      const client = hasty.connect();
      process.kill(hasty.supervisorPid, 'SIGSTOP');
      // Longer than the deadline and the 2 s that a heartbeat may be late.
      await rest(2_700);
      expect(await outcomeOf(client.random(16))).to.equal('ok');
      process.kill(hasty.supervisorPid, 'SIGCONT');
      await rest(1_000);
      expect(hasty.hostPids()).to.deep.equal([host]);
    } finally {
      await hasty.close();
    }
  });
});
