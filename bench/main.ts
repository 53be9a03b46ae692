/** The load benchmark: the floor, every operation at every number of connections, the floor again. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { cleanEnvironment, startService, type TokenSettings } from '../test/service.ts';
import { sign } from '../test/sign.ts';
import type { Floor } from './floor.ts';
import { load } from './load.ts';

const root = resolve(import.meta.dirname, '..');
const run = promisify(execFile);

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    workers: { type: 'string', default: '2' },
    hosts: { type: 'string', default: '2' },
    connections: { type: 'string', default: '1,16,64' },
    operations: { type: 'string', default: 'Encrypt,Decrypt,GenerateDataKey' },
    /** Where the V8 profiles of every process go when the service ends. */
    profile: { type: 'string' },
  },
});
const seconds = Number(values.seconds);

const node = join(root, 'scripts/node');
const print = (line: string) => process.stdout.write(`${line}\n`);

async function versions(): Promise<string> {
  const softhsm = await run('softhsm2-util', ['--version']).catch(() => ({ stdout: 'unknown' }));
  const wrk = await run('wrk', ['-v']).catch((error: { stdout?: string }) => ({
    stdout: error.stdout ?? '',
  }));
  if (!wrk.stdout.startsWith('wrk')) throw new Error('wrk is missing: `apt-get install wrk` brings it');
  const machine = `${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'})`;
  const pkcs11js = JSON.parse(readFileSync(join(root, 'node_modules/pkcs11js/package.json'), 'utf8')).version;
  return `${machine}, Node ${process.version}, SoftHSM ${softhsm.stdout.trim()}, pkcs11js ${pkcs11js}, ${wrk.stdout.split(' [')[0]}`;
}

/** A token of the floor's own: in Coffer's, the key would be nobody's. */
async function floorToken(folder: string): Promise<TokenSettings> {
  const { stdout } = await run(node, [join(root, 'softhsm/initialise.ts'), folder], {
    env: cleanEnvironment(),
  });
  return JSON.parse(stdout);
}

async function floor(token: TokenSettings): Promise<Floor> {
  const { stdout } = await run(node, [join(root, 'bench/floor.ts'), JSON.stringify(token), '3'], {
    env: cleanEnvironment(token.environment),
  });
  return JSON.parse(stdout);
}

const showFloor = (when: string, { operationsPerSecond, microseconds }: Floor) =>
  print(
    `floor ${when}: ${operationsPerSecond.toFixed(0)} operations/s in one process, ${microseconds.toFixed(1)} µs CPU each`,
  );

print(await versions());
print(
  `${values.workers} workers, ${values.hosts} hosts, ${seconds} s each, load average before ${loadavg()[0]?.toFixed(2)}`,
);
const service = await startService({
  workers: Number(values.workers),
  hosts: Number(values.hosts),
  ...(values.profile !== undefined && {
    environment: { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${resolve(values.profile)}` },
  }),
});
try {
  const token = await floorToken(join(service.folder, 'floor'));
  const first = await floor(token);
  showFloor('before', first);

  const client = service.client();
  const { KeyMetadata } = await client.createKey({});
  const KeyId = KeyMetadata?.KeyId ?? '';
  const context = { purpose: 'bench', tenant: 'a' };
  const Plaintext = randomBytes(32);
  const { CiphertextBlob } = await client.encrypt({ KeyId, Plaintext, EncryptionContext: context });
  const inputs: Record<string, unknown> = {
    Encrypt: { KeyId, Plaintext: Plaintext.toString('base64'), EncryptionContext: context },
    Decrypt: {
      CiphertextBlob: Buffer.from(CiphertextBlob ?? []).toString('base64'),
      EncryptionContext: context,
    },
    GenerateDataKey: { KeyId, KeySpec: 'AES_256', EncryptionContext: context },
    GenerateRandom: { NumberOfBytes: 32 },
    DescribeKey: { KeyId },
  };

  const rows: { name: string; connections: number; result: Awaited<ReturnType<typeof load>> }[] = [];
  for (const name of values.operations.split(',')) {
    for (const connections of values.connections.split(',').map(Number)) {
      const request = await sign(service, name, inputs[name]);
      const processes = service.processes();
      const measure = (time: number) =>
        load({ url: service.url, request, connections, seconds: time, processes });
      // V8 takes seconds of load to compile what is hot.
      await measure(rows.length === 0 ? 6 : 2);
      rows.push({ name, connections, result: await measure(seconds) });
    }
  }
  const last = await floor(token);
  showFloor('after', last);
  const mean = (first.operationsPerSecond + last.operationsPerSecond) / 2;

  print('');
  print(
    'operation        connections  operations/s   p50 ms   p99 ms  errors  of the floor   CPU µs each: worker   host  primary   wrk  others',
  );
  for (const { name, connections, result } of rows) {
    const { operationsPerSecond, p50, p99, errors, cpu, others } = result;
    print(
      [
        name.padEnd(16),
        String(connections).padStart(11),
        operationsPerSecond.toFixed(0).padStart(13),
        p50.toFixed(2).padStart(8),
        p99.toFixed(2).padStart(8),
        String(errors).padStart(7),
        (operationsPerSecond / mean).toFixed(2).padStart(13),
        cpu.worker.toFixed(0).padStart(21),
        cpu.host.toFixed(0).padStart(6),
        (cpu.primary + cpu.supervisor).toFixed(0).padStart(8),
        cpu.wrk.toFixed(0).padStart(5),
        `${(others * 100).toFixed(0)} %`.padStart(7),
      ].join(' '),
    );
  }
  const failed = rows.reduce((sum, { result }) => sum + result.errors, 0);
  if (failed > 0) {
    print(`\n${failed} requests failed: the numbers mean nothing\n${service.log.slice(-10).join('\n')}`);
    process.exitCode = 1;
  }
  await service.stop();
} finally {
  await service.remove();
}
