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
});
