import { execFile } from 'node:child_process';
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { KMS } from '@aws-sdk/client-kms';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expect } from 'chai';
import { leaseMilliseconds } from '../../src/app/lease.ts';
import { cleanEnvironment, type Service, startService } from '../service.ts';

const run = promisify(execFile);
const coffer = resolve(import.meta.dirname, '../../scripts/coffer');

/** `ok`, or the name of the error. */
function outcome(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'ok',
    (error: Error) => error.name,
  );
}

describe('a node', function () {
  this.timeout(60_000);
  let service: Service;
  before(async () => {
    service = await startService({ workers: 2, hosts: 2 });
  });
  after(() => service.remove());

  /** Clients with a connection each, spread over the workers by the round robin. */
  function connections(count: number): KMS[] {
    return Array.from({ length: count }, () =>
      service.client({
        requestHandler: new NodeHttpHandler({ httpAgent: new Agent({ keepAlive: true, maxSockets: 1 }) }),
      }),
    );
  }

  async function newKey(client: KMS): Promise<string> {
    const { KeyMetadata } = await client.createKey({});
    return KeyMetadata?.KeyId ?? expect.fail('no key');
  }

  async function eventuallyOk(call: () => Promise<unknown>): Promise<boolean> {
    const until = performance.now() + 15_000;
    while (performance.now() < until) if ((await outcome(call())) === 'ok') return true;
    return false;
  }

  /** Every record of the trail. */
  function trail(): { eventName: string; requestParameters: { keyId?: string } | null }[] {
    return globSync('*/*.jsonl', { cwd: service.trailFolder })
      .map((name) => join(service.trailFolder, name))
      .flatMap((file) => readFileSync(file, 'utf8').trimEnd().split('\n'))
      .map((line) => JSON.parse(line))
      .filter(({ eventName }) => eventName !== undefined);
  }

  const workers = () => service.processes().filter(({ kind }) => kind === 'worker');

  it('serves nothing stale from a worker that was stopped while a key was disabled', async () => {
    const clients = connections(8);
    const [first] = clients;
    if (first === undefined) return expect.fail();
    const KeyId = await newKey(first);
    const encrypt = (client: KMS) => outcome(client.encrypt({ KeyId, Plaintext: Buffer.from('x') }));
    // Every connection is made, and every worker has the key in its cache.
    expect(await Promise.all(clients.map(encrypt))).to.deep.equal(clients.map(() => 'ok'));

    const [worker] = workers();
    if (worker === undefined) return expect.fail();
    process.kill(worker.pid, 'SIGSTOP');
    try {
      const probes = clients.map((client) => ({ client, answer: encrypt(client) }));
      const answered = await Promise.all(
        probes.map(async ({ client, answer }) =>
          (await Promise.race([answer, pause(1_500)])) ? client : undefined,
        ),
      );
      const living = answered.find((client) => client !== undefined);
      const stopped = clients.filter((client) => !answered.includes(client));
      expect(stopped.length, 'connections of the stopped worker').to.be.greaterThan(0);
      if (living === undefined) return expect.fail('no worker answers');

      const began = performance.now();
      await living.disableKey({ KeyId });
      const waited = performance.now() - began;
      // As long as the stopped worker may hold a lease, and not for ever.
      expect(waited, 'ms a change waits for a stopped worker').to.be.within(leaseMilliseconds, 3_000);

      // What lies in the stopped worker's sockets when it goes on was sent after the change was answered.
      const late = stopped.flatMap((client) => [client]).map((client) => encrypt(client));
      process.kill(worker.pid, 'SIGCONT');
      expect(new Set(await Promise.all(late))).to.deep.equal(new Set(['DisabledException']));
    } finally {
      process.kill(worker.pid, 'SIGCONT');
    }
  });

  it('starts a killed worker again, and goes on', async () => {
    const [client] = connections(1);
    if (client === undefined) return expect.fail();
    const KeyId = await newKey(client);
    const before = workers().map(({ pid }) => pid);
    for (const pid of before) process.kill(pid, 'SIGKILL');
    expect(
      await eventuallyOk(() => service.client().encrypt({ KeyId, Plaintext: Buffer.from('x') })),
    ).to.equal(true);
    expect(workers().map(({ pid }) => pid)).not.to.include.members(before);
  });

  it('outlives a worker that dies while the primary is busy and changes wait for it', async () => {
    const [primary] = service.processes().filter(({ kind }) => kind === 'primary');
    if (primary === undefined) return expect.fail();
    for (let round = 0; round < 3; round += 1) {
      const client = service.client();
      const changes = Array.from({ length: 4 }, () => outcome(client.createKey({})));
      // Held up, the primary writes to the dead worker's pipe before it reads that the worker is dead.
      process.kill(primary.pid, 'SIGSTOP');
      const [worker] = workers();
      if (worker !== undefined) process.kill(worker.pid, 'SIGKILL');
      await pause(300);
      process.kill(primary.pid, 'SIGCONT');
      await Promise.all(changes);
    }
    expect(service.pids()).to.include(primary.pid);
    expect(await eventuallyOk(() => service.client().listKeys({}))).to.equal(true);
  });

  it('records the largest inputs that it accepts, and refuses larger ones in the words of AWS', async () => {
    const client = service.client();
    const KeyId = await newKey(client);
    const tags = (count: number) =>
      Array.from({ length: count }, (_, index) => ({
        TagKey: `${'k'.repeat(120)}${index}`,
        TagValue: 'é'.repeat(256),
      }));
    await client.tagResource({ KeyId, Tags: tags(50) });
    expect(await outcome(client.tagResource({ KeyId, Tags: tags(51) }))).to.equal('LimitExceededException');
    expect(await outcome(client.tagResource({ KeyId, Tags: tags(1_000) }))).to.equal('ValidationException');
    const TagKeys = Array.from({ length: 4_500 }, (_, index) => 'k'.repeat(100) + index);
    expect(await outcome(client.untagResource({ KeyId, TagKeys }))).to.equal('ValidationException');
    await client.untagResource({ KeyId, TagKeys: tags(50).map(({ TagKey }) => TagKey) });
    await client.updateKeyDescription({ KeyId, Description: '\u0001'.repeat(8_192) });
    const context = (size: number) => ({ a: 'x'.repeat(size - 1) });
    await client.encrypt({ KeyId, Plaintext: Buffer.from('x'), EncryptionContext: context(8_192) });
    for (const size of [8_193, 500_000]) {
      const refused = client.encrypt({
        KeyId,
        Plaintext: Buffer.from('x'),
        EncryptionContext: context(size),
      });
      expect(await outcome(refused)).to.equal('ValidationException');
    }
    await service.stop();
    await service.start();
    const recorded = trail().filter(({ requestParameters }) => requestParameters?.keyId === KeyId);
    expect(new Set(recorded.map(({ eventName }) => eventName))).to.deep.equal(
      new Set(['TagResource', 'UntagResource', 'UpdateKeyDescription', 'Encrypt']),
    );
  });

  it('tells in a dry run what would fail', async () => {
    const client = service.client();
    const KeyId = await newKey(client);
    const DryRun = true;
    const { CiphertextBlob } = await client.encrypt({ KeyId, Plaintext: Buffer.from('x') });
    expect(await outcome(client.decrypt({ CiphertextBlob, DryRun }))).to.equal('DryRunOperationException');
    const garbage = Buffer.from('garbage');
    expect(await outcome(client.decrypt({ KeyId, CiphertextBlob: garbage, DryRun }))).to.equal(
      'InvalidCiphertextException',
    );
    const other = await newKey(client);
    expect(await outcome(client.decrypt({ KeyId: other, CiphertextBlob, DryRun }))).to.equal(
      'IncorrectKeyException',
    );
    const DryRunModifiers = ['IGNORE_CIPHERTEXT' as const];
    expect(await outcome(client.decrypt({ KeyId, DryRun, DryRunModifiers }))).to.equal(
      'DryRunOperationException',
    );
    const EncryptionAlgorithm = 'RSAES_OAEP_SHA_256';
    expect(
      await outcome(client.encrypt({ KeyId, Plaintext: garbage, EncryptionAlgorithm, DryRun })),
    ).to.equal('InvalidKeyUsageException');
  });

  it('tells its health and its metrics', async () => {
    expect(await (await fetch(`${service.url}/healthz`)).json()).to.deep.equal({ alive: true });
    const ready = await fetch(`${service.url}/readyz`);
    expect([ready.status, await ready.json()]).to.deep.equal([
      200,
      { ready: true, checks: { token: 'ok', store: 'ok', trail: 'ok', primary: 'ok' } },
    ]);
    await service.client().generateRandom({ NumberOfBytes: 8 });
    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    expect(metrics).to.match(/^coffer_requests_total\{operation="GenerateRandom",error="none"\} [1-9]/m);
    expect(metrics).to.match(/^coffer_request_seconds_count\{operation="GenerateRandom"\} [1-9]/m);
    expect(metrics).to.match(/^coffer_trail_flushes_total\{outcome="written"\} [1-9]/m);
    expect(metrics).to.match(/^coffer_token_seconds_count [1-9]/m);
    expect(metrics).to.match(/^coffer_token_host_restarts\{host="0"\} 0/m);
  });

  it('answers what is in flight when it is ended, exits 0, and finds everything when started again', async () => {
    const [client, ...others] = connections(8);
    if (client === undefined) return expect.fail();
    const KeyId = await newKey(client);
    const { CiphertextBlob } = await client.encrypt({ KeyId, Plaintext: Buffer.from('kept') });
    await Promise.all(others.map((other) => other.describeKey({ KeyId })));
    const flying = others.map((other) => outcome(other.generateDataKey({ KeyId, KeySpec: 'AES_256' })));
    await Promise.race(flying);
    expect(await service.stop()).to.equal(0);
    expect(await Promise.all(flying)).to.deep.equal(flying.map(() => 'ok'));
    expect(service.pids()).to.deep.equal([]);

    await service.start();
    const { Plaintext } = await service.client().decrypt({ CiphertextBlob });
    expect(Buffer.from(Plaintext ?? []).toString()).to.equal('kept');
  });

  it('answers what is in flight also where every process is told to end, as a service manager does', async () => {
    const clients = connections(8);
    const [client] = clients;
    const [primary] = service.processes().filter(({ kind }) => kind === 'primary');
    if (client === undefined || primary === undefined) return expect.fail();
    const KeyId = await newKey(client);
    await Promise.all(clients.map((other) => other.describeKey({ KeyId })));
    const lines = service.log.length;
    const flying = clients.map((other) => outcome(other.generateDataKey({ KeyId, KeySpec: 'AES_256' })));
    await Promise.race(flying);
    process.kill(-primary.pid, 'SIGTERM');
    expect(await Promise.all(flying)).to.deep.equal(flying.map(() => 'ok'));
    while (service.pids().length > 0) await pause(20);
    const complaints = service.log.slice(lines).filter((line) => JSON.parse(line).level >= 40);
    expect(complaints).to.deep.equal([]);
    await service.start();
  });

  it('refuses a second service on its store', async () => {
    const failure = await run(coffer, ['serve', '--config', service.configFile], {
      env: cleanEnvironment(),
    }).catch((error: { code: number; stderr: string }) => error);
    expect(failure).to.have.property('code', 1);
    expect(failure.stderr).to.include('is in use by another coffer');
  });

  it('refuses a fresh store over its token, and a token that is not its own', async () => {
    await service.stop();
    try {
      const config = JSON.parse(readFileSync(service.configFile, 'utf8'));
      const other = join(service.folder, 'other.json');
      const credentials = join(service.folder, 'other-credentials');
      writeFileSync(other, JSON.stringify({ ...config, store: { file: 'other/coffer.db' } }));
      const refused = await run(coffer, ['init', '--config', other, '--credentials', credentials], {
        env: cleanEnvironment(),
        timeout: 15_000,
      }).catch((error: { code: number; stderr: string }) => error);
      expect(refused).to.have.property('code', 1);
      expect(refused.stderr).to.match(
        /this store is fresh, and the token `coffer` .* belongs to store [0-9a-f]{32}/,
      );

      // The store with its keys over an emptied token.
      const softhsm = join(service.folder, 'softhsm');
      const saved = join(service.folder, 'saved');
      cpSync(softhsm, saved, { recursive: true });
      rmSync(softhsm, { recursive: true });
      await run(resolve(coffer, '../node'), [resolve(coffer, '../../softhsm/initialise.ts'), softhsm], {
        env: cleanEnvironment(),
        timeout: 15_000,
      });
      const lost = await run(coffer, ['serve', '--config', service.configFile], {
        env: cleanEnvironment(),
        timeout: 15_000,
      }).catch((error: { code: number; stderr: string }) => error);
      expect(lost).to.have.property('code', 1);
      expect(lost.stderr).to.match(/the store has \d+ keys and the token `coffer` .* has no canary/);
      rmSync(softhsm, { recursive: true });
      cpSync(saved, softhsm, { recursive: true });
    } finally {
      await service.start();
    }
    expect(await outcome(service.client().listKeys({}))).to.equal('ok');
  });
});
