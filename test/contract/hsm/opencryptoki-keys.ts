/**
 * Has a host's own code make a key of every spec in opencryptoki's token, as if it had been let start. A process of its
 * own, inside the namespace. Arguments: module, label, PIN file. Prints what became of each, as JSON.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Capabilities } from '../../../src/hsm/host/capability.ts';
import { Failure } from '../../../src/hsm/host/failure.ts';
import { destroyMaterial, generateKey } from '../../../src/hsm/host/material.ts';
import { TokenModule } from '../../../src/hsm/host/module.ts';
import { find } from '../../../src/hsm/host/object.ts';
import { Token } from '../../../src/hsm/host/token.ts';
import { type KeySpec, keySpecs, usagesOf } from '../../../src/keys/spec/key-spec.ts';

export interface Made {
  readonly keySpec: string;
  readonly keyUsage: string;
  readonly outcome: 'made' | string;
  readonly message: string;
  /** Objects in the token after it, and after it was destroyed where it was made. */
  readonly left: number;
  readonly leftAfter: number;
}

const [module = '', label = '', pinFile = ''] = process.argv.slice(2);
const turn = { take() {}, release() {} };
const pin = Buffer.from(readFileSync(pinFile, 'utf8'));
const token = new Token(new TokenModule({ module, label }, turn), pin, () => undefined, { proving: false });
token.open();
token.assume({ manufacturer: /^IBM/, refuses: ['copyable', 'allowedMechanisms'], misreports: [] });
const leave = { hostOaep: true, hostUnwrap: false };
const capabilities = new Capabilities(token, leave);
const count = () => find(token.grapheneSession, { token: true }).length;

const made: Made[] = [];
for (const keySpec of Object.keys(keySpecs).filter((name): name is KeySpec => name in keySpecs)) {
  if (keySpec === 'SYMMETRIC_DEFAULT') continue;
  for (const keyUsage of usagesOf(keySpec)) {
    const material = randomBytes(32);
    let outcome = 'made';
    let message = '';
    try {
      generateKey(token, capabilities, material, keySpec, keyUsage);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      outcome = error.kind;
      message = error.message;
    }
    const left = count();
    if (outcome === 'made') destroyMaterial(token, material);
    made.push({ keySpec, keyUsage, outcome, message, left, leftAfter: count() });
  }
}
token.close();
process.stdout.write(JSON.stringify(made));
