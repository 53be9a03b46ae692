import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { formsOf, searchMemory } from './memory.ts';

const holder = fileURLToPath(new URL('holder.ts', import.meta.url));

describe('the search through the memory of a process', () => {
  let child: ChildProcess;
  before(async () => {
    child = fork(holder, { execArgv: [] });
    await once(child, 'message');
  });
  after(() => child.kill('SIGKILL'));

  const forms = { latin1: 'as it is', base64: 'as base64', hex: 'as hex', utf16le: 'in UTF-16' } as const;
  for (const [encoding, form] of Object.entries(forms)) {
    it(`finds what is held ${form}`, async () => {
      const secret = randomBytes(24);
      child.send({ inverted: Buffer.from(secret.map((byte) => byte ^ 0xff)).toString('hex'), encoding });
      await once(child, 'message');
      expect(searchMemory(child.pid ?? 0, formsOf('it', secret))).to.include(`it, ${form}`);
      expect(searchMemory(child.pid ?? 0, formsOf('another', randomBytes(24)))).to.deep.equal([]);
    });
  }
});
