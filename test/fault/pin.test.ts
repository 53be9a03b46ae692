import { chmodSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { expect } from 'chai';
import { newMaterial, roundTrip } from './load.ts';
import { eventually, isAlive } from './process.ts';
import { changePin } from './session.ts';
import { makeTier, type Tier } from './tier.ts';

const pinLocked = 0xa4;
const wrong = '999999999999';

describe('the PIN', () => {
  let tier: Tier;

  beforeEach(async () => {
    tier = makeTier({ hosts: 2, faults: true });
  });
  afterEach(() => tier.close());

  it('is refused before any login in a file that its group or others may read', async () => {
    for (const mode of [0o644, 0o640, 0o604]) {
      chmodSync(tier.pinFile, mode);
      const { code } = await tier.startAndEnd();
      expect(code, mode.toString(8)).to.equal(78);
    }
    expect(tier.calls('C_Login')).to.equal(0);
    expect(tier.output).to.include(tier.pinFile);
  });

  it('where it is wrong or locked is tried exactly once, and the tier ends with code 78 and says so without naming it', async () => {
    tier.inject({ times: 'always', fault: 'error', call: 'C_Login', argument: pinLocked });
    expect((await tier.startAndEnd()).code).to.equal(78);
    expect(tier.calls('C_Login')).to.equal(1);
    expect(tier.output).to.match(/PIN/).and.not.include(tier.pin());
    tier.inject();
    tier.setPin(wrong);
    expect((await tier.startAndEnd()).code).to.equal(78);
    expect(tier.calls('C_Login')).to.equal(2);
    expect(tier.output).to.not.include(wrong);
  });

  it('that was changed under a running tier is tried once when a host dies, and the whole tier ends', async () => {
    await tier.start();
    const hosts = tier.hostPids();
    const logins = tier.calls('C_Login');
    expect(logins).to.equal(2);
    tier.setPin(wrong);
    process.kill(tier.hostPid(), 'SIGKILL');
    const { code } = await tier.ended();
    expect(code).to.equal(78);
    expect(tier.calls('C_Login') - logins).to.equal(1);
    expect(hosts.filter(isAlive)).to.deep.equal([]);
    expect(tier.output).to.not.include(wrong);
  });

  it('that was changed in the token while it was away is tried once by all hosts together', async () => {
    await tier.start();
    const hsm = tier.connect();
    await hsm.claim('00112233445566778899aabbccddeeff');
    const connected = async () => (await hsm.checkHealth()).hosts.every((host) => host.connected);
    await eventually('attached to both', connected, 2_000);
    const logins = tier.calls('C_Login');
    renameSync(tier.tokens, `${tier.tokens}.away`);
    const lost = async () => (await hsm.checkHealth()).hosts.every(({ problem }) => problem !== undefined);
    await eventually('both hosts miss the token', lost, 4_000);
    await changePin(tier, wrong, `${tier.tokens}.away`);
    renameSync(`${tier.tokens}.away`, tier.tokens);
    const { code } = await tier.ended();
    expect(code).to.equal(78);
    expect(tier.calls('C_Login') - logins).to.equal(1);
  });

  it('is in no argument list, environment, log line or socket folder of the tier', async () => {
    await tier.start();
    const pin = tier.pin();
    const hsm = tier.connect();
    await hsm.claim('00112233445566778899aabbccddeeff');
    const material = newMaterial();
    await hsm.generateKey(material);
    process.kill(tier.hostPid(), 'SIGKILL');
    await eventually('served again', async () => (await roundTrip(hsm, material)) === 'ok', 2_000);
    await eventually('both run', () => tier.hostPids().length === 2, 2_000);
    for (const pid of [tier.supervisorPid, ...tier.hostPids()]) {
      for (const file of ['cmdline', 'environ']) {
        expect(readFileSync(`/proc/${pid}/${file}`).includes(pin), `${file} of ${pid}`).to.equal(false);
      }
    }
    expect(tier.output).to.not.include(pin);
    const files = readdirSync(tier.socketFolder).filter((name) => !name.endsWith('.sock'));
    expect(files).to.deep.equal(['attach.secret']);
    expect(readFileSync(`${tier.socketFolder}/attach.secret`).includes(pin)).to.equal(false);
  });
});
