import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { KmsError } from '../../src/errors.ts';
import type { Identity, Session } from '../../src/identity/principal.ts';
import { type SessionKeysOptions, sessionKeys } from '../../src/identity/session-keys.ts';
import {
  maximalPackedBytes,
  packClaims,
  readToken,
  type SessionClaims,
  sessionAad,
  unpackClaims,
  writeToken,
} from '../../src/identity/session-token.ts';
import { unknownToken } from '../../src/identity/sigv4/claim.ts';
import type { Credential, Signer } from '../../src/identity/sigv4/verify.ts';
import { deriveKey } from './signing.ts';

const account = '111122223333';
const accessKeyId = 'ASIAIOSFODNN7EXAMPLE';
const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const at = Date.UTC(2026, 0, 31, 12);

/** A token host's sealing, AES-256-GCM with IV before and tag behind. */
const sealing = randomBytes(32);

function seal(aad: Buffer, plaintext: Buffer): Buffer {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', sealing, iv).setAAD(aad);
  return Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function unseal(aad: Buffer, sealed: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', sealing, sealed.subarray(0, 12)).setAAD(aad);
  decipher.setAuthTag(sealed.subarray(-16));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString('latin1');
  } catch {
    throw unknownToken();
  }
}

function session(more: Partial<Session> = {}): Session {
  return {
    issuedAt: at,
    expiresAt: at + 3_600_000,
    name: 'build-17',
    policy: undefined,
    policyArns: [],
    tags: [],
    transitiveTagKeys: [],
    sourceIdentity: undefined,
    ...more,
  };
}

const ofRole: SessionClaims = { type: 'Role', id: 'AROAEXAMPLE000000001', account, session: session() };

function tokenFor(claims: SessionClaims, id = accessKeyId): string {
  const packed = packClaims(claims);
  return writeToken({ packed, sealedSecret: seal(sessionAad(id, packed), Buffer.from(secret)) });
}

function identity(type: Identity['type'], id: string, name: string): Identity {
  const arn = `arn:aws:iam::${account}:${type.toLowerCase()}/team/${name}`;
  return { type, id, account, arn, name, tags: [], policies: [], boundary: undefined };
}

function setup(more: Partial<SessionKeysOptions> = {}) {
  const identities = new Map<string, Identity>([
    ['AROAEXAMPLE000000001', identity('Role', 'AROAEXAMPLE000000001', 'Builder')],
    ['AIDAEXAMPLE000000001', identity('User', 'AIDAEXAMPLE000000001', 'ada')],
  ]);
  const state = { now: at, derived: 0 };
  const keys = sessionKeys({
    identities: { findIdentity: (id) => identities.get(id) },
    clock: { now: () => state.now, monotonic: () => 0 },
    async derive(aad, sealedSecret, { date, region, service }) {
      state.derived += 1;
      return deriveKey(unseal(aad, sealedSecret), date, region, service);
    },
    ...more,
  });
  return { keys, identities, state };
}

function credential(sessionToken: string | undefined, more: Partial<Credential> = {}): Credential {
  return { accessKeyId, sessionToken, date: '20260131', region: 'us-east-1', service: 'kms', ...more };
}

async function outcome(find: () => Signer | Promise<Signer>): Promise<string> {
  try {
    return (await find()).principal.arn;
  } catch (error) {
    return error instanceof KmsError ? error.code : String(error);
  }
}

describe('a session token', () => {
  const text = fc.string({ maxLength: 12 });
  const claims: fc.Arbitrary<SessionClaims> = fc.record({
    type: fc.constantFrom('Root' as const, 'User' as const, 'Role' as const),
    id: text,
    account: text,
    session: fc.record({
      issuedAt: fc.nat(),
      expiresAt: fc.nat(),
      name: fc.option(text, { nil: undefined }),
      policy: fc.option(text, { nil: undefined }),
      policyArns: fc.array(text, { maxLength: 3 }),
      tags: fc.array(fc.record({ key: text, value: text }), { maxLength: 3 }),
      transitiveTagKeys: fc.array(text, { maxLength: 3 }),
      sourceIdentity: fc.option(text, { nil: undefined }),
    }),
  });

  it('carries its claims unchanged, and the same ones as the same bytes', () => {
    fc.assert(
      fc.property(claims, (given) => {
        const packed = packClaims(given);
        expect(unpackClaims(packed)).to.deep.equal(given);
        expect(packClaims(unpackClaims(packed)).equals(packed)).to.equal(true);
        const parts = readToken(writeToken({ packed, sealedSecret: Buffer.alloc(68, 7) }));
        expect(parts?.packed.equals(packed)).to.equal(true);
      }),
    );
  });

  it('of a longest kind has 4,096 characters, and a longer one is none', () => {
    const packed = Buffer.alloc(maximalPackedBytes, 1);
    const token = writeToken({ packed, sealedSecret: Buffer.alloc(68) });
    expect(token.length).to.equal(4_096);
    expect(readToken(token)?.packed.length).to.equal(maximalPackedBytes);
    expect(readToken(`${token}AAAA`)).to.equal(undefined);
  });

  it('has one spelling alone', () => {
    const token = tokenFor(ofRole);
    for (const other of [`${token}\n`, ` ${token}`, token.replaceAll('=', ''), `${token}=`, '', 'AQ==']) {
      if (other !== token) expect(readToken(other), other).to.equal(undefined);
    }
    // The last character before the padding has bits that mean nothing.
    const padded = writeToken({ packed: Buffer.from('ab'), sealedSecret: Buffer.alloc(68) });
    expect(padded.endsWith('=')).to.equal(true);
    expect(readToken(padded)).not.to.equal(undefined);
    const last = padded.search(/.=+$/);
    const other = String.fromCharCode(padded.charCodeAt(last) + 1);
    expect(readToken(padded.slice(0, last) + other + padded.slice(last + 1))).to.equal(undefined);
  });

  it('that inflates without end is none', () => {
    const bomb = packClaims({ ...ofRole, session: session({ policy: 'x'.repeat(1_000_000) }) });
    expect(bomb.length).to.be.lessThan(maximalPackedBytes);
    expect(() => unpackClaims(bomb)).to.throw();
  });
});

describe('temporary credentials', () => {
  it('sign as the session of a role, as the user or as the root that they were given to', async () => {
    const { keys } = setup();
    const found = await keys.find(credential(tokenFor(ofRole)));
    expect(found.principal).to.deep.equal({
      type: 'AssumedRole',
      arn: `arn:aws:sts::${account}:assumed-role/Builder/build-17`,
      principalId: 'AROAEXAMPLE000000001:build-17',
      account,
      userName: undefined,
      role: {
        arn: `arn:aws:iam::${account}:role/team/Builder`,
        roleId: 'AROAEXAMPLE000000001',
        roleName: 'Builder',
      },
      session: ofRole.session,
    });
    const key = deriveKey(secret, '20260131', 'us-east-1', 'kms');
    const { Hmac } = await import('../../src/identity/sigv4/hmac.ts');
    expect(found.sign('text')).to.equal(new Hmac(key).hex('text'));

    const own = session({ name: undefined });
    const user = await keys.find(
      credential(tokenFor({ type: 'User', id: 'AIDAEXAMPLE000000001', account, session: own }), {
        service: 'sts',
      }),
    );
    expect(user.principal).to.include({
      type: 'IAMUser',
      userName: 'ada',
      principalId: 'AIDAEXAMPLE000000001',
    });
    expect(user.principal.session).to.deep.equal(own);
    const root = await keys.find(
      credential(tokenFor({ type: 'Root', id: account, account, session: own }), { service: 'cloudtrail' }),
    );
    expect(root.principal).to.include({ type: 'Root', arn: `arn:aws:iam::${account}:root` });
  });

  it('of a user or root are none to IAM, which wants a second factor', async () => {
    const { keys } = setup();
    const own = session({ name: undefined });
    const ofUser = tokenFor({ type: 'User', id: 'AIDAEXAMPLE000000001', account, session: own });
    const ofRoot = tokenFor({ type: 'Root', id: account, account, session: own });
    for (const token of [ofUser, ofRoot]) {
      for (const _ of ['fresh', 'cached']) {
        expect(await outcome(() => keys.find(credential(token, { service: 'iam' })))).to.equal(
          'UnrecognizedClientException',
        );
      }
    }
    expect(await outcome(() => keys.find(credential(tokenFor(ofRole), { service: 'iam' })))).to.match(
      /^arn:/,
    );
  });

  it('cost the token one derivation a day, region and service, however many ask at once', async () => {
    const { keys, state } = setup();
    const token = tokenFor(ofRole);
    const found = await Promise.all(Array.from({ length: 50 }, () => keys.find(credential(token))));
    expect(new Set(found).size).to.equal(1);
    expect(keys.find(credential(token))).to.equal(found[0]);
    expect(state.derived).to.equal(1);
    await keys.find(credential(token, { service: 'sts' }));
    expect(state.derived).to.equal(2);
  });

  it('are none with a token that was altered in any byte', async () => {
    const token = tokenFor({ ...ofRole, session: session({ tags: [{ key: 'team', value: 'blue' }] }) });
    const bytes = Buffer.from(token, 'base64');
    for (let index = 0; index < bytes.length; index++) {
      const { keys } = setup();
      await keys.find(credential(token));
      const other = Buffer.from(bytes);
      other[index] = (other[index] ?? 0) ^ (1 << (index % 8));
      const altered = other.toString('base64');
      expect(await outcome(() => keys.find(credential(altered))), `byte ${index}`).to.equal(
        'UnrecognizedClientException',
      );
      expect(await outcome(() => keys.find(credential(token)))).to.match(/^arn:/);
    }
  });

  it('are none with another session’s token, whole or in part, or without one', async () => {
    const { keys } = setup();
    const other = 'ASIA0000000000000002';
    const [mine, theirs] = [tokenFor(ofRole), tokenFor(ofRole, other)];
    await keys.find(credential(mine));
    await keys.find(credential(theirs, { accessKeyId: other }));
    const [a, b] = [readToken(mine), readToken(theirs)];
    if (a === undefined || b === undefined) throw new Error('no tokens');
    const longer = packClaims({ ...ofRole, session: session({ expiresAt: at + 1e12 }) });
    for (const token of [
      theirs,
      writeToken({ ...a, sealedSecret: b.sealedSecret }),
      writeToken({ ...a, packed: longer }),
      mine.slice(0, -4),
      '',
      undefined,
    ]) {
      expect(await outcome(() => keys.find(credential(token)))).to.equal('UnrecognizedClientException');
    }
    const seen = createHash('sha256').update(mine).digest('base64');
    for (const id of ['AKIAIOSFODNN7EXAMPLE', 'ASIA', `${accessKeyId}\n`, 'asiaiosfodnn7example', seen]) {
      expect(await outcome(() => keys.find(credential(mine, { accessKeyId: id })))).to.equal(
        'UnrecognizedClientException',
      );
    }
  });

  it('end at their hour, also while they are cached', async () => {
    const { keys, state } = setup();
    const token = tokenFor(ofRole);
    await keys.find(credential(token));
    state.now = ofRole.session.expiresAt - 1;
    expect(await outcome(() => keys.find(credential(token)))).to.match(/^arn:/);
    for (const late of [0, 1, 1e9]) {
      state.now = ofRole.session.expiresAt + late;
      expect(await outcome(() => keys.find(credential(token)))).to.equal('ExpiredTokenException');
    }
  });

  it('end with the user or role that they were given to, for the very next request', async () => {
    const { keys, identities } = setup();
    const token = tokenFor(ofRole);
    await keys.find(credential(token));
    identities.delete(ofRole.id);
    expect(await outcome(() => keys.find(credential(token)))).to.equal('UnrecognizedClientException');
  });

  it('follow their user or role to a new name', async () => {
    const { keys, identities } = setup();
    const token = tokenFor(ofRole);
    const before = await keys.find(credential(token));
    identities.set(ofRole.id, identity('Role', ofRole.id, 'Maker'));
    const after = await keys.find(credential(token));
    expect(after.principal.arn).to.equal(`arn:aws:sts::${account}:assumed-role/Maker/build-17`);
    expect(after.principal.session).to.equal(before.principal.session);
    expect(after.sign('text')).to.equal(before.sign('text'));
  });

  it('that are forged keep the token no busier than a bound', async () => {
    let busy = 0;
    let most = 0;
    const { keys } = setup({
      async derive() {
        busy += 1;
        most = Math.max(most, busy);
        await new Promise((resolve) => setImmediate(resolve));
        busy -= 1;
        throw unknownToken();
      },
    });
    const forged = Array.from({ length: 600 }, (_, n) => {
      const id = `ASIA${String(n).padStart(16, '0')}`;
      return outcome(() => keys.find(credential(tokenFor(ofRole, 'ASIAOTHER'), { accessKeyId: id })));
    });
    const outcomes = await Promise.all(forged);
    expect(most).to.equal(8);
    const count = (code: string) => outcomes.filter((given) => given === code).length;
    expect(count('UnrecognizedClientException')).to.equal(8 + 256);
    expect(count('ThrottlingException')).to.equal(600 - 8 - 256);
  });

  it('that were used before are served while forged ones wait', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let derived = 0;
    const { keys } = setup({
      async derive(aad, sealed, { date, region, service }) {
        derived += 1;
        if (derived > 1) await held;
        return deriveKey(unseal(aad, sealed), date, region, service);
      },
    });
    const token = tokenFor(ofRole);
    const found = await keys.find(credential(token));
    const forged = outcome(() => keys.find(credential(tokenFor(ofRole, 'ASIAOTHER'))));
    expect(keys.find(credential(token))).to.equal(found);
    release();
    expect(await forged).to.equal('UnrecognizedClientException');
    expect(keys.find(credential(token))).to.equal(found);
    expect(found.sign('text')).to.match(/^[0-9a-f]{64}$/);
  });

  it('are forgotten in the order of their use', async () => {
    const { keys, state } = setup({ limit: 2 });
    const id = (n: number) => `ASIA${String(n).padStart(16, '0')}`;
    const tokens = [0, 1, 2].map((n) => tokenFor(ofRole, id(n)));
    const find = (n: number) => keys.find(credential(tokens[n], { accessKeyId: id(n) }));
    await find(0);
    await find(1);
    await find(0);
    await find(2);
    expect(state.derived).to.equal(3);
    await find(0);
    expect(state.derived).to.equal(3);
    await find(1);
    expect(state.derived).to.equal(4);
  });
});
