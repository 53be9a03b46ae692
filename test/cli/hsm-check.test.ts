import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { initialise, type SoftHsm } from '../../softhsm/initialise.ts';
import { type Report, reportSchema } from '../../src/hsm/check/report.ts';
import { initialiseNss } from '../contract/hsm/nss.ts';
import { initialiseOpencryptoki, whyNotOpencryptoki } from '../contract/hsm/opencryptoki.ts';
import { startTier, tokens } from '../contract/hsm/tier.ts';
import { buildFaultModule } from '../fault/build.ts';
import { newMaterial, startLoad } from '../fault/load.ts';
import { cleanEnvironment } from '../service.ts';

const root = resolve(import.meta.dirname, '../..');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Target {
  readonly module: string;
  readonly label: string;
  readonly pinFile: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly libraryParameters?: string;
  readonly prefix?: readonly string[];
}

async function check(target: Target, ...more: string[]): Promise<Ended> {
  const { module, label, pinFile, environment = {}, libraryParameters, prefix = [] } = target;
  const pairs = Object.entries(environment).flatMap(([name, value]) => ['--environment', `${name}=${value}`]);
  const parameters = libraryParameters === undefined ? [] : ['--library-parameters', libraryParameters];
  const flags = ['--module', module, '--label', label, '--pin-file', pinFile, ...pairs, ...parameters];
  return coffer([...prefix], 'hsm', 'check', ...flags, ...more);
}

async function coffer(prefix: readonly string[], ...args: string[]): Promise<Ended> {
  const [command = '', ...line] = [...prefix, join(root, 'scripts/coffer'), ...args];
  const child = spawn(command, line, { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code]: [number | null] = await once(child, 'close').then(([code]) => [code]);
  return { code, stdout, stderr };
}

/** The report, which must have exactly the members that the schema has. */
function reportOf({ stdout, stderr }: Ended): Report {
  expect(stderr).to.equal('');
  return reportSchema.parse(JSON.parse(stdout));
}

function verdicts({ rules }: Report, wanted: Report['rules'][number]['verdict']): string[] {
  return rules.filter(({ verdict }) => verdict === wanted).map(({ id }) => id);
}

function rule({ rules }: Report, id: string) {
  const found = rules.find((one) => one.id === id);
  if (found === undefined) throw new Error(`there is no rule ${id}`);
  return found;
}

describe('coffer hsm check', function () {
  this.timeout(120_000);
  let folder: string;
  let soft: SoftHsm;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'coffer-check-'));
    soft = initialise(join(folder, 'soft'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** SoftHSM behind the fault module, under these rules. */
  function faulty(name: string, ...rules: string[]): Target & { calls(name: string): number } {
    const at = (file: string) => join(folder, `${name}-${file}`);
    writeFileSync(at('control'), rules.map((text, index) => `${index} ${text}\n`).join(''));
    return {
      ...soft,
      module: buildFaultModule(),
      environment: {
        ...soft.environment,
        COFFER_FAULT_REAL: soft.module,
        COFFER_FAULT_CONTROL: at('control'),
        COFFER_FAULT_CALLS: at('calls'),
      },
      calls: (call) =>
        readFileSync(at('calls'), 'utf8')
          .split('\n')
          .filter((line) => line.endsWith(` ${call}`)).length,
    };
  }

  describe('of SoftHSM', () => {
    let ended: Ended;
    let report: Report;
    before(async () => {
      ended = await check(soft, '--json');
      report = reportOf(ended);
    });

    it('passes every rule, and exits with 0', () => {
      expect(ended.code).to.equal(0);
      expect(report.verdict).to.equal('pass');
      expect(verdicts(report, 'note')).to.have.members(['wrong-pin', 'iv-origin']);
      expect(verdicts(report, 'pass')).to.have.length(report.rules.length - 2);
      expect(report.rules).to.have.length.above(22);
      expect(report.incidents).to.deep.equal([]);
      expect(report.attributes).to.deep.equal({ refused: [], misreported: [], known: true });
    });

    it('names the token and the library', () => {
      expect(report.token).to.include({
        label: 'coffer',
        manufacturer: 'SoftHSM project',
        model: 'SoftHSM v2',
        inUse: false,
      });
      expect(report.token.serial).to.match(/^[0-9a-f]{16}$/);
      expect(report.token.flags).to.include.members(['TOKEN_INITIALIZED', 'LOGIN_REQUIRED']);
      expect(report.library).to.include({ file: soft.module, cryptokiVersion: '2.40' });
    });

    it('says of every rule where it stands', () => {
      for (const { id, source } of report.rules) {
        expect(source, id).to.match(/PKCS#11 2\.40 (§|mechanisms)|NIST SP 800-\d+[A-D]? §|FIPS 1\d\d/);
      }
      expect(new Set(report.rules.map(({ id }) => id)).size).to.equal(report.rules.length);
    });

    it('tells the KMS keys that it gives, and where the host must help', () => {
      const of = (spec: string, usage: string) =>
        report.keys.find(({ keySpec, keyUsage }) => keySpec === spec && keyUsage === usage);
      expect(of('SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT')?.algorithms).to.deep.equal(['SYMMETRIC_DEFAULT']);
      expect(of('RSA_4096', 'ENCRYPT_DECRYPT')).to.deep.include({
        algorithms: ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'],
        inHost: ['RSAES_OAEP_SHA_256'],
      });
      expect(of('ECC_SECG_P256K1', 'SIGN_VERIFY')?.algorithms).to.deep.equal(['ECDSA_SHA_256']);
      expect(of('ECC_NIST_P521', 'KEY_AGREEMENT')?.algorithms).to.deep.equal(['ECDH']);
      expect(of('ML_DSA_65', 'SIGN_VERIFY')).to.deep.include({ algorithms: [] });
      expect(of('ML_DSA_65', 'SIGN_VERIFY')?.problem).to.match(/MECHANISM_INVALID/);
    });

    it('tells which way key material can be imported', () => {
      const where = (spec: string, algorithm: string) =>
        report.imports.find((way) => way.keySpec === spec && way.wrappingAlgorithm === algorithm)?.where;
      expect(where('SYMMETRIC_DEFAULT', 'RSAES_OAEP_SHA_1')).to.equal('token');
      expect(where('SYMMETRIC_DEFAULT', 'RSAES_OAEP_SHA_256')).to.equal('host');
      expect(where('RSA_2048', 'RSA_AES_KEY_WRAP_SHA_1')).to.equal('token');
      expect(where('ECC_NIST_EDWARDS25519', 'RSA_AES_KEY_WRAP_SHA_256')).to.equal('host');
      expect(report.imports.length).to.be.above(30);
    });

    it('tells which mechanisms are listed, and which work', () => {
      const of = (wanted: string) => report.mechanisms.find(({ name }) => name === wanted);
      expect(of('CKM_AES_GCM')).to.include({ listed: true, works: true });
      expect(of('CKM_RSA_X_509')).to.include({ listed: true, works: true });
      expect(of('CKM_ML_DSA')).to.include({ listed: false, works: false });
      expect(of('CKM_DES3_CBC')).to.include({ listed: true }).and.not.to.have.property('works');
    });

    it('measures what Coffer does', () => {
      const of = (wanted: string) => report.latencies.find(({ operation }) => operation === wanted);
      const sealing = of('AES-256-GCM encrypt, 32 bytes');
      expect(sealing?.rounds).to.be.above(1);
      expect(sealing?.medianMicroseconds).to.be.above(0);
      const making = of('make a pair of RSA_4096')?.medianMicroseconds ?? 0;
      expect(making).to.be.above(sealing?.medianMicroseconds ?? Number.POSITIVE_INFINITY);
    });

    it('leaves nothing in the token, and says what it made there', () => {
      const program = join(root, 'test/crash/objects.ts');
      const env = { ...cleanEnvironment(), ...soft.environment };
      const listed = execFileSync(process.execPath, [program, JSON.stringify(soft)], { env });
      expect(JSON.parse(String(listed))).to.deep.equal([]);
      expect(report.leftovers).to.equal(0);
      expect(rule(report, 'token-key').tokenObject).to.equal(true);
      expect(rule(report, 'value-unreadable').tokenObject).to.equal(undefined);
    });

    it('is told to a person too, without the PIN', async () => {
      const { code, stdout } = await check(soft);
      expect(code).to.equal(0);
      for (const line of [
        /^Token$/m,
        /^ {2}pass {2}AES-256-GCM encrypts and decrypts/m,
        /^ {2}pass {2}a key that is not extractable can't be wrapped$/m,
        /^ {2}note {2}where the IVs of AES-GCM are drawn$/m,
        /not FIPS-approved/,
        /^ {2}RSA_2048 +SIGN_VERIFY +RSASSA_PKCS1_V1_5_SHA_256/m,
        /^ {2}RSAES_OAEP_SHA_1 +in the token: SYMMETRIC_DEFAULT/m,
        /^ {2}CKM_AES_GCM +listed +works$/m,
        /^ {2}ECDSA P-256 sign +[\d.]+ µs +median of \d+$/m,
        /^Coffer can use this token/m,
      ]) {
        expect(stdout).to.match(line);
      }
      expect(stdout).not.to.include(readFileSync(soft.pinFile, 'utf8').trim());
    });

    it('is found by its configuration as well', async () => {
      const configFile = join(folder, 'coffer.json');
      writeFileSync(configFile, JSON.stringify({ token: soft }));
      const { code, stdout } = await coffer([], 'hsm', 'check', '--config', configFile, '--json');
      expect(code).to.equal(0);
      expect(reportSchema.parse(JSON.parse(stdout)).token.serial).to.equal(report.token.serial);
    });
  });

  it('of NSS tells what it lets out and what it does not keep, and exits with 1', async () => {
    const ended = await check(initialiseNss(join(folder, 'nss')), '--json');
    const report = reportOf(ended);
    expect(ended.code).to.equal(1);
    expect(report.verdict).to.equal('fail');
    expect(verdicts(report, 'fail')).to.have.members([
      'wrap-refused',
      'copy-keeps',
      'not-copyable',
      'usage-enforced',
      'mechanisms-enforced',
      'private-hidden',
      'local',
    ]);
    expect(verdicts(report, 'untried')).to.deep.equal([]);
    expect(rule(report, 'wrap-refused').detail).to.match(/leaves the token, by .*CKM_AES_KEY_WRAP/);
    expect(report.attributes).to.deep.equal({
      refused: ['CKA_COPYABLE', 'CKA_ALLOWED_MECHANISMS'],
      misreported: ['CKA_LOCAL'],
      known: true,
    });
    expect(report.keys.find(({ keySpec }) => keySpec === 'ECC_SECG_P256K1')?.algorithms).to.deep.equal([]);
  });

  it('of opencryptoki tells what it lacks, and exits with 1', async function () {
    const reason = whyNotOpencryptoki();
    if (reason !== undefined) return this.skip();
    const ended = await check(initialiseOpencryptoki(join(folder, 'opencryptoki')), '--json');
    const report = reportOf(ended);
    expect(ended.code).to.equal(1);
    expect(verdicts(report, 'fail')).to.have.members([
      'attributes-known',
      'aes-gcm',
      'gcm-iv',
      'gcm-tag',
      'ecdsa-p-256',
      'not-copyable',
      'mechanisms-enforced',
    ]);
    expect(rule(report, 'aes-gcm').detail).to.match(/MECHANISM_INVALID/);
    expect(report.attributes?.known).to.equal(false);
    const able = report.keys.filter(({ algorithms }) => algorithms.length > 0).map(({ keySpec }) => keySpec);
    expect(new Set(able)).to.deep.equal(
      new Set(['RSA_2048', 'RSA_3072', 'RSA_4096', 'HMAC_256', 'HMAC_384', 'HMAC_512']),
    );
    expect(report.mechanisms.find(({ name }) => name === 'CKM_AES_KEY_GEN')?.works).to.equal(true);
  });

  it('of a token that Coffer has keys in says so, and changes nothing of them while they are used', async () => {
    const tier = await startTier(tokens['SoftHSM 2'], { hosts: 1 });
    try {
      const hsm = tier.connect();
      await hsm.claim('00112233445566778899aabbccddeeff');
      const material = newMaterial();
      await hsm.generateKey(material);
      const before = await hsm.listObjects();
      const load = startLoad(hsm, material, 1);
      const { module, label = '', pinFile = '', environment } = tier.config;
      const ended = await check({ module, label, pinFile, environment }, '--json');
      await load.stop();
      const report = reportOf(ended);
      expect(ended.code).to.equal(0);
      expect(report.token.inUse).to.equal(true);
      expect([...load.outcomes.keys()]).to.deep.equal(['ok']);
      expect(await hsm.listObjects()).to.have.deep.members(before);
      expect((await hsm.checkHealth()).hosts[0]).to.include({ problem: undefined, restarts: 0 });
    } finally {
      await tier.close();
    }
  });

  describe('of a library that misbehaves', () => {
    it('tells a crash where it happens, and goes on with the rest', async () => {
      const ended = await check(faulty('crash', 'always crash C_Encrypt -1 0'), '--json');
      const report = reportOf(ended);
      expect(ended.code).to.equal(1);
      expect(report.incidents.length).to.be.above(2);
      for (const { type, detail } of report.incidents) {
        expect(type).to.equal('crash');
        expect(detail).to.match(/crashed \(SIGSEGV\)/);
      }
      expect(rule(report, 'aes-gcm')).to.deep.include({ verdict: 'fail' });
      expect(rule(report, 'aes-gcm').detail).to.match(/SIGSEGV/);
      expect(report.keys.find(({ keySpec }) => keySpec === 'SYMMETRIC_DEFAULT')?.algorithms).to.deep.equal(
        [],
      );
      for (const id of ['hmac-sha-256', 'ecdsa-p-256', 'wrap-refused', 'token-key']) {
        expect(rule(report, id).verdict, id).to.equal('pass');
      }
    });

    it('tells a hang, after the deadline', async () => {
      const target = faulty('hang', 'once hang C_Sign 32 0');
      const report = reportOf(await check(target, '--json', '--deadline', '500'));
      expect(report.incidents.map(({ type }) => type)).to.deep.equal(['hang']);
      expect(report.incidents[0]?.detail).to.match(/did not answer within \d+ ms/);
      expect(verdicts(report, 'fail')).to.deep.equal(['ecdsa-p-256']);
    });

    it('takes along what an interrupted check left, and says so', async () => {
      // The second is that of the new start, while a key of the token's is there.
      const target = faulty('left', 'once crash C_Finalize -1 1');
      const report = reportOf(await check(target, '--json'));
      expect(report.incidents).to.have.length(1);
      expect(report.leftovers).to.equal(1);
      expect(verdicts(report, 'fail')).to.have.members(['token-key', 'private-hidden']);
      expect(reportOf(await check(soft, '--json')).leftovers).to.equal(0);
    });

    it('takes no attribute at its word that is told wrongly', async () => {
      // CKA_NEVER_EXTRACTABLE
      const report = reportOf(
        await check(faulty('lie', 'always lie C_GetAttributeValue -1 0x164'), '--json'),
      );
      expect(verdicts(report, 'fail')).to.include.members(['never-extractable', 'attributes-known']);
      expect(report.attributes).to.deep.include({ misreported: ['CKA_NEVER_EXTRACTABLE'], known: false });
    });

    it('sees a tag that is not checked', async () => {
      const report = reportOf(await check(faulty('wrong', 'always wrong C_Decrypt -1 0'), '--json'));
      expect(verdicts(report, 'fail')).to.include('aes-gcm');
      expect(rule(report, 'aes-gcm').detail).to.match(/decrypts to something else/);
    });
  });

  describe('that can’t be made exits with 2', () => {
    async function complaint(target: Target, expected: RegExp, ...more: string[]) {
      const { code, stdout, stderr } = await check(target, '--json', ...more);
      expect(code, stderr).to.equal(2);
      expect(stdout).to.equal('');
      expect(stderr)
        .to.match(/^coffer hsm check: /)
        .and.to.match(expected);
    }

    it('where the PIN is wrong, which is tried once', async () => {
      const pinFile = join(folder, 'wrong-pin');
      writeFileSync(pinFile, '31415926', { mode: 0o600 });
      const target = { ...faulty('pin'), pinFile };
      await complaint(target, /refuses the PIN: .*it was tried once and won't be again/);
      expect(target.calls('C_Login')).to.equal(1);
    });

    it('where the library dies while it has the PIN, which is not given to it again', async () => {
      const target = faulty('login', 'always crash C_Login -1 0');
      await complaint(target, /crashed \(SIGSEGV\) while it was given the PIN, which is not tried again/);
      expect(target.calls('C_Login')).to.equal(1);
    });

    it('where the library dies before anything else, or hangs', async () => {
      await complaint(faulty('start', 'always crash C_Initialize -1 0'), /before anything could be checked/);
      await complaint(
        faulty('stuck', 'always hang C_Initialize -1 0'),
        /did not answer within \d+ ms before anything/,
        '--deadline',
        '200',
      );
    });

    it('where there is no library, no token, no PIN, or a PIN for all to read', async () => {
      await complaint({ ...soft, module: '/nonexistent.so' }, /can't load the PKCS#11 library/);
      await complaint({ ...soft, label: 'another' }, /no token with the label `another`/);
      await complaint({ ...soft, pinFile: join(folder, 'none') }, /can't read the PIN file/);
      const open = join(folder, 'open-pin');
      writeFileSync(open, '31415926', { mode: 0o644 });
      await complaint({ ...soft, pinFile: open }, /is open to others/);
      await complaint(soft, /one of the two/, '--serial', '1');
      await complaint(soft, /is no deadline/, '--deadline', 'soon');
    });
  });
});
