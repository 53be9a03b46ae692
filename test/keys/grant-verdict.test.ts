import { expect } from 'chai';
import fc from 'fast-check';
import {
  type EncryptionContext,
  type Grant,
  type GrantConstraints,
  type GrantOperation,
  type GrantTerms,
  grantOperations,
} from '../../src/keys/grant.ts';
import { contextSatisfies, isAtLeastAsStrict } from '../../src/keys/grant-constraint.ts';
import { grantIndex, grantsSought } from '../../src/keys/grant-index.ts';
import { type GrantRequest, grantAllows, retirementBy } from '../../src/keys/grant-verdict.ts';
import { type GrantCaller, granteesOf } from '../../src/keys/grantee.ts';
import { newGrant } from '../contract/store/fixture.ts';

const owner = '111122223333';
const abroad = '444455556666';
const user: GrantCaller = { type: 'IAMUser', principalId: 'AIDAUSER', account: owner };
const session: GrantCaller = {
  type: 'AssumedRole',
  principalId: 'AROAROLE:session',
  account: owner,
  role: { roleId: 'AROAROLE' },
};
const root: GrantCaller = { type: 'Root', principalId: owner, account: owner };

const grant = (over: Partial<Grant> = {}): Grant =>
  newGrant({ keyId: 'key', granteeId: 'AIDAUSER', ...over });
const ask = (caller: GrantCaller, grants: readonly Grant[], request: GrantRequest) =>
  grantAllows(grants, granteesOf(caller), request);

describe('who a grant is given to', () => {
  const cases: readonly (readonly [string, GrantCaller, string, string | undefined])[] = [
    ['a user', user, 'AIDAUSER', 'direct'],
    ["a user's account", user, owner, 'account'],
    ['another user', user, 'AIDAOTHER', undefined],
    ["a role's session", session, 'AROAROLE:session', 'direct'],
    ['the role of a session', session, 'AROAROLE', 'role'],
    ['another session of the role', session, 'AROAROLE:other', undefined],
    ["a session's account", session, owner, 'account'],
    ['an account, whose root asks', root, owner, 'account'],
    ['another account', root, abroad, undefined],
    ["a user of the root's account", root, 'AIDAUSER', undefined],
  ];
  for (const [name, caller, granteeId, match] of cases) {
    it(`${name}: ${match ?? 'nothing'}`, () => {
      expect(ask(caller, [grant({ granteeId })], { operation: 'Decrypt' })?.match).to.equal(match);
    });
  }

  it('names the grant that names the caller most closely', () => {
    const grants = [owner, 'AROAROLE', 'AROAROLE:session'].map((granteeId) => grant({ granteeId }));
    expect(ask(session, grants, { operation: 'Decrypt' })).to.deep.equal({
      grantId: grants[2]?.grantId,
      match: 'direct',
    });
    expect(ask(session, grants.slice(0, 2), { operation: 'Decrypt' })?.grantId).to.equal(grants[1]?.grantId);
  });
});

describe('what a grant allows', () => {
  it('its operations, and no other', () => {
    for (const operation of grantOperations) {
      const given = grantOperations.filter((one) => one !== operation);
      const newGrant: GrantTerms = { operations: ['Decrypt'], constraints: {} };
      expect(ask(user, [grant({ operations: given })], { operation, newGrant })).to.equal(undefined);
      const all = grant({ operations: grantOperations });
      expect(ask(user, [all], { operation, newGrant })?.grantId, operation).to.equal(all.grantId);
    }
  });

  const equals = (pairs: EncryptionContext): GrantConstraints => ({ encryptionContextEquals: pairs });
  const subset = (pairs: EncryptionContext): GrantConstraints => ({ encryptionContextSubset: pairs });
  const cases: readonly (readonly [string, GrantConstraints, EncryptionContext | undefined, boolean])[] = [
    ['no constraint, no context', {}, undefined, true],
    ['no constraint, any context', {}, { a: '1' }, true],
    ['Equals, the same', equals({ a: '1', b: '2' }), { b: '2', a: '1' }, true],
    ['Equals, one more', equals({ a: '1' }), { a: '1', b: '2' }, false],
    ['Equals, one less', equals({ a: '1', b: '2' }), { a: '1' }, false],
    ['Equals, no context', equals({ a: '1' }), undefined, false],
    ['Equals, another value', equals({ a: '1' }), { a: '2' }, false],
    ['Equals, a value in other case', equals({ a: 'x' }), { a: 'X' }, false],
    ['Equals, a name in other case', equals({ Tenant: 'x' }), { tenant: 'x' }, true],
    ['Equals, a name twice in different case', equals({ a: '1' }), { a: '1', A: '1' }, false],
    ['Equals, another pair for the same name twice', equals({ a: '1', A: '1' }), { a: '1', b: '2' }, false],
    ['Subset, the same', subset({ a: '1' }), { a: '1' }, true],
    ['Subset, one more', subset({ a: '1' }), { a: '1', b: '2' }, true],
    ['Subset, one less', subset({ a: '1', b: '2' }), { b: '2' }, false],
    ['Subset, no context', subset({ a: '1' }), undefined, false],
    ['Subset, a name in other case', subset({ Tenant: 'x' }), { tenant: 'x', b: '2' }, true],
    ['Subset, a value in other case', subset({ a: 'x' }), { a: 'X' }, false],
    ['Subset, a name twice with two values', subset({ a: '1' }), { a: '1', A: '2' }, false],
    ['Subset, a name that objects have', subset({ constructor: '1' }), { a: '1' }, false],
    ['both, both met', { ...equals({ a: '1', b: '2' }), ...subset({ a: '1' }) }, { a: '1', b: '2' }, true],
    ['both, one met', { ...equals({ a: '1' }), ...subset({ b: '2' }) }, { a: '1' }, false],
  ];
  for (const [name, constraints, encryptionContext, allowed] of cases) {
    it(`${name}: ${allowed ? 'yes' : 'no'}`, () => {
      const found = ask(user, [grant({ constraints })], { operation: 'Decrypt', encryptionContext });
      expect(found !== undefined).to.equal(allowed);
    });
  }

  it('DescribeKey and RetireGrant whatever its constraint on the encryption context', () => {
    const operations: GrantOperation[] = ['DescribeKey', 'RetireGrant', 'Sign'];
    const bound = grant({ operations, constraints: equals({ a: '1' }) });
    expect(ask(user, [bound], { operation: 'DescribeKey' })).to.not.equal(undefined);
    expect(ask(user, [bound], { operation: 'RetireGrant' })).to.not.equal(undefined);
    expect(ask(user, [bound], { operation: 'Sign' })).to.equal(undefined);
  });

  it('nothing but RetireGrant to who does not ask for the resource that it is bound to', () => {
    const sourceArn = 'arn:aws:s3:::bucket';
    const operations: GrantOperation[] = ['DescribeKey', 'RetireGrant', 'Decrypt', 'CreateGrant'];
    const bound = grant({ operations, constraints: { sourceArn } });
    const newGrant: GrantTerms = { operations: ['Decrypt'], constraints: { sourceArn } };
    for (const operation of operations) {
      const without = ask(user, [bound], { operation, newGrant });
      expect(without !== undefined, operation).to.equal(operation === 'RetireGrant');
      const other = ask(user, [bound], { operation, newGrant, sourceArn: `${sourceArn}2` });
      expect(other !== undefined, operation).to.equal(operation === 'RetireGrant');
      expect(ask(user, [bound], { operation, newGrant, sourceArn })).to.not.equal(undefined);
    }
  });

  it('ReEncrypt from and to by one context each', () => {
    const from = grant({ operations: ['ReEncryptFrom'], constraints: subset({ a: '1' }) });
    expect(ask(user, [from], { operation: 'ReEncryptFrom', encryptionContext: { a: '1' } })).to.not.equal(
      undefined,
    );
    expect(ask(user, [from], { operation: 'ReEncryptTo', encryptionContext: { a: '1' } })).to.equal(
      undefined,
    );
  });

  it('CreateGrant of nothing that it does not say', () => {
    const parent = grant({ operations: ['CreateGrant', 'Decrypt'] });
    expect(ask(user, [parent], { operation: 'CreateGrant' })).to.equal(undefined);
  });
});

describe('a grant made by a grantee', () => {
  const pairs = fc.dictionary(fc.constantFrom('a', 'A', 'b', 'c'), fc.constantFrom('1', '2'), {
    maxKeys: 3,
    noNullPrototype: true,
  });
  const some = pairs.filter((context) => Object.keys(context).length > 0);
  const constraints: fc.Arbitrary<GrantConstraints> = fc.record(
    {
      encryptionContextEquals: some,
      encryptionContextSubset: some,
      sourceArn: fc.constantFrom('arn:x', 'arn:y'),
    },
    { requiredKeys: [] },
  );
  const operations = fc.subarray<GrantOperation>(['Decrypt', 'Encrypt', 'CreateGrant', 'DescribeKey'], {
    minLength: 1,
  });
  const terms: fc.Arbitrary<GrantTerms> = fc.record({ operations, constraints });
  const request: fc.Arbitrary<GrantRequest> = fc.record(
    {
      operation: fc.constantFrom<GrantOperation>('Decrypt', 'Encrypt', 'CreateGrant', 'DescribeKey'),
      encryptionContext: pairs,
      newGrant: terms,
      sourceArn: fc.constantFrom('arn:x', 'arn:y'),
    },
    { requiredKeys: ['operation'] },
  );

  /** A parent, something near it, and a request near that: far ones seldom come to anything. */
  const lineage = fc
    .record({ parent: terms, wanted: terms, request, near: fc.nat(7), renamed: fc.boolean() })
    .map(({ parent, wanted, request, near, renamed }) => {
      const { encryptionContextSubset: subset, encryptionContextEquals: exact } = parent.constraints;
      const more = { ...subset, ...wanted.constraints.encryptionContextSubset };
      const close: GrantConstraints = {
        ...parent.constraints,
        ...(subset !== undefined &&
          (near & 2 ? { encryptionContextSubset: more } : { encryptionContextEquals: more })),
        ...(exact !== undefined && { encryptionContextEquals: renamed ? { ...exact, A: '1' } : exact }),
      };
      const child: GrantTerms = near & 1 ? { ...wanted, constraints: close } : wanted;
      const { encryptionContextEquals, encryptionContextSubset } = child.constraints;
      const encryptionContext = { ...encryptionContextSubset, ...encryptionContextEquals };
      return { parent, child, request: near & 4 ? { ...request, encryptionContext } : request };
    });

  /** Whether the store finds it where the grantee has too many to look at each. */
  const isSought = (one: Grant, request: GrantRequest) => {
    const { anchor, describes } = grantIndex(one);
    const sought = grantsSought(request);
    // A grant for a resource never describes: no request here is made on behalf of one.
    if (sought.type === 'describing') return describes || one.constraints.sourceArn !== undefined;
    return sought.anchors.includes(anchor);
  };

  it('never allows what its parent does not, and either is found by what it allows', () => {
    let made = 0;
    let used = 0;
    fc.assert(
      fc.property(lineage, ({ parent: given, child, request }) => {
        const parent = grant({
          ...given,
          operations: [...new Set([...given.operations, 'CreateGrant' as const])],
        });
        const { sourceArn } = given.constraints;
        const creation: GrantRequest = { operation: 'CreateGrant', newGrant: child, sourceArn };
        if (ask(user, [parent], creation) === undefined) return;
        made += 1;
        expect(isSought(parent, creation)).to.equal(true);
        if (ask(user, [grant(child)], request) === undefined) return;
        used += 1;
        expect(isSought(grant(child), request)).to.equal(true);
        expect(ask(user, [parent], request)).to.not.equal(undefined);
      }),
      { numRuns: 10_000 },
    );
    expect(made).to.be.above(500);
    expect(used).to.be.above(20);
  });

  it('may be exactly its parent', () => {
    fc.assert(
      fc.property(constraints, (given) => {
        // A constraint that names a pair twice with two values matches nothing, itself neither.
        const values = [given.encryptionContextEquals, given.encryptionContextSubset];
        const torn = values.some(
          (context) => context?.a !== undefined && context.A !== undefined && context.a !== context.A,
        );
        expect(isAtLeastAsStrict(given, given)).to.equal(!torn);
      }),
    );
  });

  const parent = { encryptionContextSubset: { Department: 'IT' } };
  const cases: readonly (readonly [string, GrantConstraints, GrantConstraints, boolean])[] = [
    ['adds a pair to Subset', { encryptionContextSubset: { Department: 'IT', b: '2' } }, parent, true],
    ['makes Subset Equals', { encryptionContextEquals: { Department: 'IT' } }, parent, true],
    ['takes the pair away', { encryptionContextSubset: { b: '2' } }, parent, false],
    ['takes the constraint away', {}, parent, false],
    ['makes Equals Subset', parent, { encryptionContextEquals: { Department: 'IT' } }, false],
    [
      'adds a pair to Equals',
      { encryptionContextEquals: { Department: 'IT', b: '2' } },
      { encryptionContextEquals: { Department: 'IT' } },
      false,
    ],
    ['adds a constraint where there was none', parent, {}, true],
    ['leaves out the source', {}, { sourceArn: 'arn:x' }, false],
    ['names another source', { sourceArn: 'arn:y' }, { sourceArn: 'arn:x' }, false],
  ];
  for (const [name, child, from, allowed] of cases) {
    it(`${name}: ${allowed ? 'yes' : 'no'}`, () => {
      expect(isAtLeastAsStrict(child, from)).to.equal(allowed);
    });
  }

  it('is made with operations of one parent, not of two', () => {
    const parents = (['Decrypt', 'Encrypt'] as const).map((operation) =>
      grant({ operations: ['CreateGrant', operation] }),
    );
    const newGrant: GrantTerms = { operations: ['Decrypt', 'Encrypt'], constraints: {} };
    expect(ask(user, parents, { operation: 'CreateGrant', newGrant })).to.equal(undefined);
  });
});

describe('constraints', () => {
  it('are met by what is equal, whatever the order of its pairs', () => {
    const context = fc.dictionary(fc.string(), fc.string(), { minKeys: 1, noNullPrototype: true });
    fc.assert(
      fc.property(context, (given) => {
        const folded = Object.keys(given).map((name) => name.toLowerCase());
        fc.pre(new Set(folded).size === folded.length);
        const turned = Object.fromEntries(Object.entries(given).reverse());
        expect(contextSatisfies({ encryptionContextEquals: given }, turned)).to.equal(true);
        expect(contextSatisfies({ encryptionContextSubset: given }, turned)).to.equal(true);
      }),
    );
  });
});

describe('who may retire a grant', () => {
  const cases: readonly (readonly [string, GrantCaller, Partial<Grant>, string])[] = [
    ['its retiring principal', user, { granteeId: 'AIDAOTHER', retiringId: 'AIDAUSER' }, 'granted'],
    ["its retiring role's session", session, { retiringId: 'AROAROLE' }, 'granted-to-role'],
    [
      'its retiring session',
      session,
      { retiringId: 'AROAROLE:session', operations: ['RetireGrant'] },
      'granted',
    ],
    ['its grantee, by RetireGrant', user, { operations: ['Decrypt', 'RetireGrant'] }, 'granted'],
    ["its grantee, by its account's policies alone", user, {}, 'delegable'],
    ["the root of the key's account", root, {}, 'delegable'],
  ];
  const elsewhere: GrantCaller = { ...user, account: abroad };
  const more: typeof cases = [
    ['a grantee of another account without RetireGrant', elsewhere, {}, 'refused'],
    ['a grantee of another account with it', elsewhere, { operations: ['RetireGrant'] }, 'granted'],
    ['somebody of the account that made it', elsewhere, { issuingAccount: abroad }, 'delegable'],
    ['somebody of the account that is to retire it', elsewhere, { retiringId: abroad }, 'delegable'],
    ['somebody of the account that it is given to', elsewhere, { granteeId: abroad }, 'refused'],
    ['the same, by RetireGrant', elsewhere, { granteeId: abroad, operations: ['RetireGrant'] }, 'delegable'],
  ];
  for (const [name, caller, over, expected] of [...cases, ...more]) {
    it(`${name}: ${expected}`, () => {
      expect(retirementBy(grant(over), caller)).to.equal(expected);
    });
  }
});
