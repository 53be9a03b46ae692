import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { fatalExitCode } from '../../../src/hsm/start.ts';
import { isPairSpec, type KeySpec } from '../../../src/keys/spec/key-spec.ts';
import { cleanEnvironment } from '../../service.ts';
import { initialiseOpencryptoki, type Opencryptoki, whyNotOpencryptoki } from './opencryptoki.ts';
import type { Made } from './opencryptoki-keys.ts';

const root = resolve(import.meta.dirname, '../../..');

/** The token that shows how Coffer refuses: it has no AES-GCM, no elliptic curves and no key wrap. */
describe('a token that can’t do what Coffer needs (opencryptoki)', function () {
  this.timeout(60_000);
  let folder: string;
  let token: Opencryptoki;
  before(function () {
    if (whyNotOpencryptoki() !== undefined) return this.skip();
    folder = mkdtempSync(join(tmpdir(), 'coffer-ock-'));
    token = initialiseOpencryptoki(folder);
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  function inside(program: string, ...args: string[]): string {
    const [command, ...line] = token.prefix;
    const { module, label, pinFile } = token;
    const all = [...line, process.execPath, join(root, program), module, label, pinFile, ...args];
    return String(
      execFileSync(command, all, { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'inherit'] }),
    );
  }

  it('is refused when the token tier starts, for good, and by name', () => {
    const configFile = join(folder, 'coffer.json');
    const { module, label, pinFile, prefix } = token;
    writeFileSync(configFile, JSON.stringify({ token: { module, label, pinFile, socketFolder: 's' } }));
    const [command, ...line] = prefix;
    const args = [...line, join(root, 'scripts/coffer'), 'token', '--config', configFile];
    const { status, stderr } = spawnSync(command, args, { env: cleanEnvironment(), encoding: 'utf8' });
    expect(status).to.equal(fatalExitCode);
    expect(stderr).to.match(/the token can't do AES-256-GCM .*Coffer needs a token that can/);
  });

  it('makes each key that it can, refuses every other as unsupported, and keeps nothing of it', () => {
    const made: Made[] = JSON.parse(inside('test/contract/hsm/opencryptoki-keys.ts'));
    const able = (keySpec: string) => /^(RSA_|HMAC_(256|384|512))/.test(keySpec);
    expect(made.map(({ keySpec }) => keySpec)).to.include.members(['ECC_NIST_P256', 'ML_DSA_44', 'HMAC_224']);
    for (const { keySpec, keyUsage, outcome, message, left, leftAfter } of made) {
      const name = `${keySpec} ${keyUsage}`;
      expect(outcome, name).to.equal(able(keySpec) ? 'made' : 'unsupported');
      const objects = isPairSpec(keySpec as KeySpec) ? 2 : 1;
      expect(left, `${name}: objects in the token`).to.equal(able(keySpec) ? objects : 0);
      expect(leftAfter, `${name}: objects left`).to.equal(0);
      if (!able(keySpec)) expect(message).to.match(/^the token can't do .*CKR_MECHANISM_INVALID/);
    }
  });
});
