import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readAccessKeyId, writeCredentials } from '../../src/cli/credentials-file.ts';
import { type Config, readConfig } from '../../src/config.ts';

describe('the credentials file', () => {
  let folder: string;
  let file: string;
  let config: Config;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'coffer-credentials-'));
    file = join(folder, 'credentials');
    writeFileSync(
      join(folder, 'coffer.json'),
      JSON.stringify({ listen: { host: '0.0.0.0' }, token: { module: '/x', label: 'x', pinFile: 'x' } }),
    );
    config = readConfig(join(folder, 'coffer.json'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const secret = () => Buffer.from('secretsecretsecretsecretsecretsecretsecr');

  it('is a profile that AWS clients read, for its owner alone, with the region and an address that can be reached', () => {
    writeCredentials(file, 'AKIAEXAMPLE', secret(), config);
    expect(readFileSync(file, 'utf8')).to.equal(
      `[coffer]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = ${secret()}\n`,
    );
    expect(readFileSync(join(folder, 'config'), 'utf8')).to.equal(
      '[profile coffer]\nregion = us-east-1\nendpoint_url = http://127.0.0.1:8600\noutput = json\n',
    );
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    expect(readAccessKeyId(file)).to.equal('AKIAEXAMPLE');
  });

  it("is not written over another's profiles, nor `config` over another's settings", () => {
    const theirs = '[default]\naws_access_key_id = AKIATHEIRS\naws_secret_access_key = x\n';
    writeFileSync(file, theirs);
    expect(() => readAccessKeyId(file)).to.throw(/holds more than coffer's profile/);
    rmSync(file);
    writeFileSync(join(folder, 'config'), '[default]\nregion = eu-west-1\n');
    writeCredentials(file, 'AKIAEXAMPLE', secret(), config);
    expect(readFileSync(join(folder, 'config'), 'utf8')).to.equal('[default]\nregion = eu-west-1\n');
  });

  it('takes nothing of a file that a crash left, or somebody put, in its way', () => {
    writeFileSync(`${file}.new`, 'planted', { mode: 0o644 });
    writeCredentials(file, 'AKIAEXAMPLE', secret(), config);
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    expect(existsSync(`${file}.new`)).to.equal(false);
  });
});
