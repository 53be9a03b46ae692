import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import type { KMS } from '@aws-sdk/client-kms';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expect } from 'chai';
import { type Service, startService } from '../service.ts';
import { buildFaultModule } from './build.ts';
import { eventually, isAlive } from './process.ts';
import { destroyObject } from './session.ts';

/** What AWS's clients retry by themselves; all that a healing Coffer may answer besides the right thing. */
const passing = ['ok', 'DependencyTimeoutException', 'KMSInternalException'];
const inFlight = 16;
const deadlineMilliseconds = 1_000;

/** `ok`, or the name of the error. */
function nameOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'ok',
    (error: Error) => error.name,
  );
}

describe('Coffer as a whole', function () {
  this.timeout(60_000);
  let service: Service;
  let kms: KMS;
  let KeyId = '';

  before(async () => {
    service = await startService({ workers: 2, hosts: 2, deadlineMilliseconds });
    kms = service.client({
      requestHandler: new NodeHttpHandler({
        httpAgent: new Agent({ keepAlive: true, maxSockets: inFlight }),
      }),
    });
    KeyId = (await kms.createKey({})).KeyMetadata?.KeyId ?? '';
  });
  after(() => service?.remove());

  const pids = (kind: string) =>
    service
      .processes()
      .filter((process) => process.kind === kind)
      .map(({ pid }) => pid);

  async function roundTrip(): Promise<string> {
    try {
      const Plaintext = Buffer.from(crypto.randomUUID());
      const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext });
      const answer = await kms.decrypt({ CiphertextBlob });
      return Plaintext.equals(answer.Plaintext ?? Buffer.alloc(0)) ? 'ok' : 'wrong';
    } catch (error) {
      return error instanceof Error ? error.name : String(error);
    }
  }

  /** Does something under load. @returns the outcomes of all round trips, and the longest one's milliseconds */
  async function underLoad(act: () => Promise<void>): Promise<{ outcomes: string[]; slowest: number }> {
    const outcomes = new Set<string>();
    let slowest = 0;
    let ended = false;
    const loops = Array.from({ length: inFlight }, async () => {
      while (!ended) {
        const begin = performance.now();
        outcomes.add(await roundTrip());
        slowest = Math.max(slowest, performance.now() - begin);
      }
    });
    await act().finally(() => {
      ended = true;
    });
    await Promise.all(loops);
    return { outcomes: [...outcomes], slowest };
  }

  const served = (milliseconds: number) =>
    eventually('served again', async () => (await roundTrip()) === 'ok', milliseconds);

  it('answers again within 2 seconds when every token host is killed with -9 under load', async () => {
    const victims = pids('host');
    const { outcomes, slowest } = await underLoad(async () => {
      for (const pid of victims) process.kill(pid, 'SIGKILL');
      await served(2_000);
    });
    expect(passing).to.include.members(outcomes);
    expect(slowest).to.be.below(2 * (2_000 + deadlineMilliseconds + 1_000));
    expect(victims.filter(isAlive)).to.deep.equal([]);
    await eventually('both hosts run', () => pids('host').length === 2, 4_000);
  });

  it('starts the token tier again when its supervisor is killed with -9', async () => {
    const { outcomes } = await underLoad(async () => {
      for (const pid of pids('supervisor')) process.kill(pid, 'SIGKILL');
      await eventually('another supervisor', () => pids('supervisor').length === 1, 4_000);
      await served(6_000);
    });
    expect(passing).to.include.members(outcomes);
  });

  it('while the token is away says that it is not ready and never that a key is not found; then goes on', async () => {
    const workers = pids('worker');
    const tokens = join(service.token.pinFile, '../tokens');
    const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: Buffer.from('kept') });
    const ready = async () => (await fetch(`${service.url}/readyz`)).status;
    expect(await ready()).to.equal(200);
    const { outcomes } = await underLoad(async () => {
      renameSync(tokens, `${tokens}.away`);
      await eventually('not ready', async () => (await ready()) === 503, 4_000);
      const attempts = [
        kms.createKey({}),
        kms.decrypt({ CiphertextBlob }),
        kms.generateRandom({ NumberOfBytes: 8 }),
      ];
      for (const name of await Promise.all(attempts.map(nameOf))) {
        expect(['DependencyTimeoutException', 'KMSInternalException']).to.include(name);
      }
      renameSync(`${tokens}.away`, tokens);
      await served(6_000).catch((e) => { console.log(service.log.join('\n').slice(-12000)); throw e; });
    });
    expect(passing).to.include.members(outcomes);
    expect(outcomes).to.include('ok');
    await eventually('ready', async () => (await ready()) === 200, 4_000);
    expect(pids('worker')).to.deep.equal(workers);
    const { Plaintext } = await kms.decrypt({ CiphertextBlob });
    expect(Buffer.from(Plaintext ?? []).toString()).to.equal('kept');
  });

  it('calls a key whose object the token has lost an internal error, and raises an alarm', async () => {
    const { KeyMetadata } = await kms.createKey({ Description: 'to be lost' });
    const lost = KeyMetadata?.KeyId ?? '';
    const { CiphertextBlob } = await kms.encrypt({ KeyId: lost, Plaintext: Buffer.from('x') });
    // The material's id stands in the blob after version and key id (keys/ciphertext.ts).
    const id = Buffer.from(CiphertextBlob ?? []).toString('hex', 17, 33);
    const { module, label, pinFile } = service.token;
    const pin = readFileSync(pinFile, 'utf8').trim();
    await destroyObject(
      { module, label, pin: () => pin, folder: service.folder, tokens: join(pinFile, '../tokens') },
      id,
    );
    const attempts = [
      kms.encrypt({ KeyId: lost, Plaintext: Buffer.from('x') }),
      kms.decrypt({ CiphertextBlob }),
    ];
    const names = await Promise.all(attempts.map(nameOf));
    expect(names).to.deep.equal(['KMSInternalException', 'KMSInternalException']);
    expect((await kms.describeKey({ KeyId: lost })).KeyMetadata?.Enabled).to.equal(true);
    expect(await roundTrip()).to.equal('ok');
    const alarm = () => service.log.some((line) => line.includes('"level":60') && line.includes(id));
    await eventually('an alarm in the log', alarm, 2_000);
    expect(service.log.join('\n')).to.not.include(pin);
  });

  it('with a wrong PIN tries it once, refuses to start and says why', async () => {
    expect(await service.stop()).to.equal(0);
    const calls = join(service.folder, 'calls');
    const config = JSON.parse(readFileSync(service.configFile, 'utf8'));
    config.token.environment = {
      ...config.token.environment,
      COFFER_FAULT_REAL: config.token.module,
      COFFER_FAULT_CALLS: calls,
    };
    config.token.module = buildFaultModule();
    writeFileSync(service.configFile, JSON.stringify(config));
    const right = readFileSync(service.token.pinFile, 'utf8');
    const wrong = '99999999999999999999';
    writeFileSync(service.token.pinFile, wrong);
    const refusal = await service.start().catch((error: Error) => error.message);
    expect(refusal)
      .to.match(/ended with [1-9]/)
      .and.match(/PIN/);
    expect(service.log.join('\n')).to.not.include(wrong);
    const logins = () => readFileSync(calls, 'utf8').match(/C_Login/g)?.length;
    expect(logins()).to.equal(1);
    writeFileSync(service.token.pinFile, right);
    await service.start();
    kms = service.client();
    expect(await roundTrip()).to.equal('ok');
  });
});
