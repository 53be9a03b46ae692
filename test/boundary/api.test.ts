import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import pino from 'pino';
import { readConfig } from '../../src/config.ts';
import { connectHsm } from '../../src/hsm/client.ts';
import { canonicalContext } from '../../src/keys/context.ts';
import { type Service, startService } from '../service.ts';
import { formsOf, mappedFiles, searchMemory } from './memory.ts';

describe('the API tier', () => {
  let service: Service;
  const secrets = new Map<string, Buffer>();

  before(async function () {
    this.timeout(60_000);
    service = await startService();
    const kms = service.client();
    const { KeyMetadata } = await kms.createKey({});
    const KeyId = KeyMetadata?.KeyId;
    const blobs: Buffer[] = [];
    // Enough requests for each worker to have answered some.
    for (let i = 0; i < 40; i++) {
      const { CiphertextBlob } = await kms.generateDataKeyWithoutPlaintext({ KeyId, NumberOfBytes: 32 });
      blobs.push(Buffer.from(CiphertextBlob ?? []));
    }
    // Opened by a client of the test's own: the API never sees these plaintexts.
    const { token } = readConfig(service.configFile);
    const hsm = connectHsm({
      socketFolder: token.socketFolder,
      hosts: token.hosts,
      deadlineMilliseconds: 5_000,
      log: pino({ level: 'silent' }),
    });
    for (const [index, blob] of blobs.entries()) {
      if (index % 4 === 0) secrets.set(`data key ${index}`, await hsm.decrypt(blob, canonicalContext({})));
    }
    await hsm.close();
    secrets.set('PIN', Buffer.from(readFileSync(service.token.pinFile, 'utf8').trim()));
    secrets.set("access key's secret", Buffer.from(service.credentials.secretAccessKey));
  });
  after(() => service?.remove());

  const api = () => service.processes().filter(({ kind }) => kind === 'primary' || kind === 'worker');

  it('is a primary and two workers here, beside the token tier', () => {
    const kinds = service.processes().map(({ kind }) => kind);
    expect(kinds).to.have.members(['primary', 'worker', 'worker', 'supervisor', 'host', 'host']);
  });

  it('maps no PKCS#11 library, and the hosts do', () => {
    const libraries = (pid: number) =>
      mappedFiles(pid).filter((file) => /pkcs11|softhsm|softokn/i.test(file));
    for (const { pid, kind } of api()) expect(libraries(pid), `${kind} ${pid}`).to.deep.equal([]);
    for (const { pid } of service.processes().filter(({ kind }) => kind === 'host')) {
      expect(libraries(pid)).to.have.length.at.least(2);
    }
  });

  it('holds nowhere in memory the PIN, the secret of an access key or a data key it was not to see', () => {
    const needles = new Map([...secrets].flatMap(([name, bytes]) => [...formsOf(name, bytes)]));
    for (const { pid, kind } of api()) expect(searchMemory(pid, needles), `${kind} ${pid}`).to.deep.equal([]);
  }).timeout(60_000);

  it('holds the id of the access key, which shows that this memory was searched', () => {
    const id = new Map([['id', Buffer.from(service.credentials.accessKeyId)]]);
    const workers = api().filter(({ kind }) => kind === 'worker');
    expect(workers.flatMap(({ pid }) => searchMemory(pid, id))).to.include('id');
  });
});
