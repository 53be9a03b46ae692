import { GrantOperation, KeyUsageType } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  type Grant,
  grantOperationOf,
  grantOperations,
  supportedGrantOperations,
} from '../../src/keys/grant.ts';
import { type GrantsSought, grantIndex, grantsSought } from '../../src/keys/grant-index.ts';
import { grantsFor } from '../../src/keys/grant-lookup.ts';
import { readGrantToken, writeGrantToken } from '../../src/keys/grant-token.ts';
import type { GrantsFound } from '../../src/keys/repository.ts';
import type { MaybePromise } from '../../src/maybe-promise.ts';
import { newGrant } from '../contract/store/fixture.ts';

describe('grant operations', () => {
  it("are those of the service model's", () => {
    expect(grantOperations).to.have.members(Object.values(GrantOperation));
  });

  it('are named as their permissions', () => {
    for (const operation of grantOperations) expect(grantOperationOf(`kms:${operation}`)).to.equal(operation);
    for (const action of ['kms:DisableKey', 'kms:ReEncrypt', 'Encrypt', 'kms:toString']) {
      expect(grantOperationOf(action)).to.equal(undefined);
    }
  });

  const dataKeys = [
    'GenerateDataKey',
    'GenerateDataKeyWithoutPlaintext',
    'GenerateDataKeyPair',
    'GenerateDataKeyPairWithoutPlaintext',
  ];
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'SYMMETRIC_DEFAULT',
      'ENCRYPT_DECRYPT',
      ['Encrypt', 'Decrypt', 'ReEncryptFrom', 'ReEncryptTo', ...dataKeys],
    ],
    ['RSA_2048', 'ENCRYPT_DECRYPT', ['Encrypt', 'Decrypt', 'ReEncryptFrom', 'ReEncryptTo', 'GetPublicKey']],
    ['RSA_2048', 'SIGN_VERIFY', ['Sign', 'Verify', 'GetPublicKey']],
    ['HMAC_256', 'GENERATE_VERIFY_MAC', ['GenerateMac', 'VerifyMac']],
    ['ECC_NIST_P256', 'KEY_AGREEMENT', ['DeriveSharedSecret', 'GetPublicKey']],
    ['ML_KEM_768', 'ENCAPSULATE_DECAPSULATE', ['Encapsulate', 'Decapsulate', 'GetPublicKey']],
  ];
  for (const [spec, usage, own] of cases) {
    it(`suit a key of ${spec} for ${usage}`, () => {
      expect(supportedGrantOperations(spec, usage)).to.have.members([
        ...own,
        'CreateGrant',
        'DescribeKey',
        'RetireGrant',
      ]);
    });
  }

  it('are known for every usage of the service model', () => {
    for (const usage of Object.values(KeyUsageType)) {
      expect(supportedGrantOperations('any', usage), usage).to.not.have.length(0);
    }
  });

  it('suit no key of an unknown kind', () => {
    for (const usage of ['TELEPATHY', 'constructor']) {
      expect(supportedGrantOperations('RSA_2048', usage)).to.deep.equal([]);
    }
  });
});

describe("a grant's fingerprint", () => {
  const grantFingerprint = (grant: Grant) => grantIndex(grant).fingerprint;
  const named = (over: Partial<Grant> = {}) =>
    newGrant({ keyId: 'key', name: 'a name', operations: ['Encrypt', 'Decrypt'], ...over });

  it('is the same of grants that are alike but for id, time and order', () => {
    const context = { a: '1', b: '2' };
    const turned = { b: '2', a: '1' };
    const one = named({ constraints: { encryptionContextSubset: context } });
    const other = named({
      operations: ['Decrypt', 'Encrypt'],
      constraints: { encryptionContextSubset: turned },
      createdAt: 5,
    });
    expect(grantFingerprint(one))
      .to.equal(grantFingerprint(other))
      .and.to.match(/^[0-9a-f]{64}$/);
  });

  it('differs with whatever else differs', () => {
    const grants = [
      named(),
      named({ name: 'another' }),
      named({ granteeId: 'AIDAOTHER' }),
      named({ retiringId: 'AIDAGRANTEE' }),
      named({ operations: ['Encrypt'] }),
      named({ constraints: { encryptionContextSubset: { a: '1' } } }),
      named({ constraints: { encryptionContextEquals: { a: '1' } } }),
      named({ constraints: { encryptionContextSubset: { a: '1' }, sourceArn: 'arn:x' } }),
      named({ issuingAccount: '444455556666' }),
    ];
    expect(new Set(grants.map(grantFingerprint)).size).to.equal(grants.length);
  });

  it('is nothing of a grant without a name', () => {
    expect(grantFingerprint(named({ name: undefined }))).to.equal(undefined);
  });
});

describe('a grant token', () => {
  const keyId = '1234abcd-12ab-34cd-56ef-1234567890ab';

  it('names its grant, with another text each time', () => {
    const grant = newGrant({ keyId });
    const { region, account, grantId } = grant;
    const tokens = Array.from({ length: 10 }, () => writeGrantToken(grant));
    expect(new Set(tokens).size).to.equal(10);
    for (const token of tokens) {
      expect(readGrantToken(token)).to.deep.equal({ region, account, keyId, grantId });
      // as the service model and URLs can have it
      expect(token).to.match(/^[A-Za-z0-9_-]{1,8192}$/);
    }
  });

  it('is refused where a character is another', () => {
    const token = writeGrantToken(newGrant({ keyId }));
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(...'aB0_-=\n é'), (at, character) => {
        fc.pre(token[at] !== character);
        const changed = token.slice(0, at) + character + token.slice(at + 1);
        expect(readGrantToken(changed)).to.equal(undefined);
      }),
    );
  });

  it('is refused where it is cut, longer or something else', () => {
    const token = writeGrantToken(newGrant({ keyId }));
    for (const text of ['', 'a', token.slice(0, -1), `${token}A`, `${token}=`, 'A'.repeat(8192), keyId]) {
      expect(readGrantToken(text), text).to.equal(undefined);
    }
  });
});

describe('the grants for a caller', () => {
  const key = { region: 'us-east-1', account: '111122223333', keyId: 'key' };
  const grantees = [
    { id: 'AIDAME', match: 'direct' },
    { id: '111122223333', match: 'account' },
  ] as const;
  const mine = newGrant({ keyId: 'key', granteeId: 'AIDAME' });
  const ours = newGrant({ keyId: 'key', granteeId: '111122223333' });
  const unknown = newGrant({ keyId: 'key', granteeId: 'AIDAME' });
  const theirs = newGrant({ keyId: 'key', granteeId: 'AIDATHEY' });
  const onOther = newGrant({ keyId: 'other', granteeId: 'AIDAME' });
  /** As a node that hasn't heard of the last grants has it. */
  const known = new Map([
    ['AIDAME', [mine]],
    ['111122223333', [ours]],
  ]);
  const stored = [mine, ours, unknown, theirs, onOther];
  let read: string[];
  let asked: GrantsSought[];
  beforeEach(() => {
    read = [];
    asked = [];
  });
  const keys = {
    findGrants: (_scope: object, _keyId: string, granteeId: string): MaybePromise<GrantsFound> => ({
      grants: known.get(granteeId) ?? [],
      more: false,
    }),
    findGrantsSought: async (...[, , granteeId, sought]: [object, string, string, GrantsSought]) => {
      asked.push(sought);
      return (known.get(granteeId) ?? []).slice(0, 1);
    },
    findGrant: async (_scope: object, keyId: string, grantId: string) => {
      read.push(grantId);
      return stored.find((grant) => grant.grantId === grantId && grant.keyId === keyId);
    },
  };
  const request = { operation: 'Encrypt', encryptionContext: { a: '1' } } as const;

  it('are there at once where they are known', () => {
    expect(grantsFor(keys, key, grantees, [], request)).to.deep.equal([mine, ours]);
  });

  it('are waited for where they are not', async () => {
    const findGrants = async (...given: Parameters<typeof keys.findGrants>) => keys.findGrants(...given);
    expect(await grantsFor({ ...keys, findGrants }, key, grantees, [], request)).to.deep.equal([mine, ours]);
  });

  it('are sought for the request where there are too many', async () => {
    for (const wait of [false, true]) {
      asked = [];
      const findGrants = (_scope: object, _keyId: string, granteeId: string): MaybePromise<GrantsFound> => {
        const found = { grants: known.get(granteeId) ?? [], more: granteeId === 'AIDAME' };
        return wait ? Promise.resolve(found) : found;
      };
      const found = await grantsFor({ ...keys, findGrants }, key, grantees, [], request);
      expect(found).to.have.deep.members([mine, ours]);
      expect(asked).to.deep.equal([grantsSought(request)]);
    }
  });

  it('have those in addition that tokens name and that are for the caller, on the key', async () => {
    const gone = newGrant({ keyId: 'key', granteeId: 'AIDAME' });
    const tokens = [mine, unknown, theirs, onOther, gone].map(writeGrantToken);
    const found = await grantsFor(keys, key, grantees, tokens, request);
    expect(found).to.have.deep.members([mine, ours, unknown]);
    expect(read).to.have.members([unknown.grantId, theirs.grantId, gone.grantId]);
  });
});
