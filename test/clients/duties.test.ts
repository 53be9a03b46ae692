import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { cleanEnvironment, type Service, startService } from '../service.ts';

const run = promisify(execFile);
const guide = readFileSync(resolve(import.meta.dirname, '../../docs/separation-of-duties.md'), 'utf8');

interface Block {
  readonly text: string;
  /** The message that the guide shows; `undefined` for what must work. */
  readonly refusal: string | undefined;
}

/** The guide's blocks as a reader pastes them. */
function blocks(): Block[] {
  return [...guide.matchAll(/^```sh( refused)?\n(.*?)^```\n(?:\n {4}([^\n]+)\n)?/gms)].map(
    ([, refused, text = '', refusal]) => ({ text, refusal: refused === undefined ? undefined : refusal }),
  );
}

/** The guide itself, pasted block by block into one bash, with the real AWS CLI. */
describe('separation of duties, as the guide has it', function () {
  this.timeout(180_000);
  let at: Service;
  let folder = '';
  let output: string[] = [];
  const all = blocks();

  before(async () => {
    at = await startService({ workers: 2 });
    folder = mkdtempSync(join(tmpdir(), 'coffer-duties-'));
    const stage = all.map(({ text }, index) => {
      const pasted = text
        .replace(/^export AWS_SHARED_CREDENTIALS_FILE=.*$/m, '')
        .replace(/^url=.*$/m, `url=${at.url}`);
      return `echo "=== ${index}"\n${pasted}\necho "--- $?"\n`;
    });
    writeFileSync(join(folder, 'paste'), stage.join(''));
    // With a socket for its input, as here, bash takes itself for a remote shell and would read somebody's .bashrc.
    const { stdout } = await run('/bin/bash', ['--norc', '-c', 'exec 2>&1; . ./paste'], {
      cwd: folder,
      maxBuffer: 64 * 1024 * 1024,
      env: cleanEnvironment({
        // Debian's AWS CLI before any other.
        PATH: `/usr/bin:${process.env.PATH}`,
        AWS_SHARED_CREDENTIALS_FILE: at.credentialsFile,
        AWS_CONFIG_FILE: join(dirname(at.credentialsFile), 'config'),
        AWS_PAGER: '',
        AWS_EC2_METADATA_DISABLED: 'true',
      }),
    });
    output = stdout.split(/^=== \d+\n/m).slice(1);
  });
  after(async () => {
    await at?.remove();
    if (folder !== '') rmSync(folder, { recursive: true, force: true });
  });

  it('what may be done is done', () => {
    expect(output).to.have.length(all.length);
    for (const [index, { refusal, text }] of all.entries()) {
      if (refusal === undefined) expect(output[index], text).to.match(/^--- 0$/m);
    }
  });

  it('what may not be done is refused, in the words of the guide', () => {
    const refused = all.filter(({ refusal }) => refusal !== undefined);
    expect(refused).to.have.length(10);
    for (const [index, { refusal, text }] of all.entries()) {
      if (refusal === undefined) continue;
      const said = (output[index] ?? '')
        .replaceAll(at.account, 'ACCOUNT')
        .replace(/arn:aws:kms:us-east-1:ACCOUNT:key\/[0-9a-f-]{36}/g, 'KEY');
      expect(said, text).to.include(refusal);
      expect(said, text).to.not.match(/^--- 0$/m);
    }
  });

  it('the auditor finds every attempt, with who tried it and how it ended', async () => {
    const found = output.join('\n');
    for (const who of ['keeper', 'server', 'administrator', 'night-shift']) {
      expect(found).to.match(new RegExp(`${who}\\tDecrypt$`, 'm'));
    }
    const whole = output.find((text) => text.includes('"eventName":"ScheduleKeyDeletion"')) ?? '';
    const event = JSON.parse(whole.slice(whole.indexOf('{'), whole.lastIndexOf('}') + 1));
    expect(event).to.include({ eventName: 'ScheduleKeyDeletion', errorCode: 'AccessDeniedException' });
    expect(event.userIdentity).to.include({ type: 'AssumedRole' });
    expect(event.userIdentity.sessionContext.sessionIssuer).to.include({ userName: 'application' });
    expect(event.additionalEventData.decidedBy).to.be.a('string');
  });

  it('a role that is made again is somebody else', () => {
    const last = output.at(-1) ?? '';
    expect(last).to.match(/"AROA[A-Z0-9]{16,}"/);
    expect(last).to.not.include('role/application"');
  });
});
