import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Failure } from '../../src/hsm/host/failure.ts';
import { cipherKind } from '../../src/hsm/host/mechanism.ts';
import { TokenModule } from '../../src/hsm/host/module.ts';
import { findKeys } from '../../src/hsm/host/object.ts';
import { type Quirk, quirkOf } from '../../src/hsm/host/quirk.ts';
import { generateSecret, type Placing } from '../../src/hsm/host/secret.ts';
import { initialiseNss } from '../contract/hsm/nss.ts';

const turn = { take() {}, release() {} };

/** NSS departs from the standard in ways that a token which Coffer doesn't know may, too. */
describe('a key that a token makes otherwise than asked', () => {
  let folder: string;
  let module: TokenModule;
  let pin: Buffer;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'coffer-template-'));
    const nss = initialiseNss(folder);
    pin = Buffer.from(readFileSync(nss.pinFile, 'utf8').trim());
    module = new TokenModule(nss, turn);
  });
  after(() => {
    module.finalise();
    rmSync(folder, { recursive: true, force: true });
  });

  const label = 'coffer key 00000000-0000-0000-0000-000000000000 material 00000000000000000000000000000000';
  const id = Buffer.alloc(16, 9);
  const placing: Placing = { label, id, token: true };
  const known = quirkOf('Mozilla Foundation');

  it('is destroyed and refused where an attribute reads back wrong', () => {
    const session = module.login(module.initialise(), pin);
    const quirk: Quirk = { ...known, misreports: [] };
    expect(() => generateSecret(session, cipherKind, placing, quirk)).to.throw(Failure, /CKA_LOCAL/);
    expect(findKeys(session, { id })).to.have.length(0);
  });

  it('is not made at all where the template is refused', () => {
    const session = module.login(module.initialise(), pin);
    const quirk: Quirk = { ...known, refuses: [] };
    expect(() => generateSecret(session, cipherKind, placing, quirk)).to.throw();
    expect(findKeys(session, { id })).to.have.length(0);
  });

  it('is what NSS makes, once its quirks are known', () => {
    const session = module.login(module.initialise(), pin);
    generateSecret(session, cipherKind, placing, known).destroy();
    expect(findKeys(session, { id })).to.have.length(0);
  });
});
