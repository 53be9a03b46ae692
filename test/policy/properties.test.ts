import { expect } from 'chai';
import fc from 'fast-check';
import { decide } from '../../src/policy/decide.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { PolicyError } from '../../src/policy/error.ts';
import { parsePolicy, renderPolicy } from '../../src/policy/parse.ts';
import { simulate } from '../../src/policy/simulate.ts';
import { accessCase, accessRequest, type Case, type JsonPolicy, policy } from './arbitrary.ts';
import { policies } from './engine.ts';

const runs = { numRuns: 2_000 };
const isAllowed = (access: Case) => decide(accessRequest(access), policies(access)).allowed;
const verdict = (access: Case) => simulate(accessRequest(access), policies(access)).decision;

function statementsOf({ Statement }: JsonPolicy) {
  return [Statement].flat();
}

/** Each policy of a case, and the case with another in its place. */
function places(access: Case): { policy: JsonPolicy; replace: (policy: JsonPolicy) => Case }[] {
  const { identity, boundary, session, resourcePolicy } = access;
  return [
    ...identity.map((each, index) => ({
      policy: each,
      replace: (other: JsonPolicy) => ({ ...access, identity: identity.with(index, other) }),
    })),
    ...(boundary
      ? [{ policy: boundary, replace: (other: JsonPolicy) => ({ ...access, boundary: other }) }]
      : []),
    ...(session
      ? [{ policy: session, replace: (other: JsonPolicy) => ({ ...access, session: other }) }]
      : []),
    ...(resourcePolicy
      ? [
          {
            policy: resourcePolicy.policy,
            replace: (other: JsonPolicy) => ({
              ...access,
              resourcePolicy: { kind: resourcePolicy.kind, policy: other },
            }),
          },
        ]
      : []),
  ];
}

function withoutPlaces(document: PolicyDocument): unknown {
  return { ...document, statements: document.statements.map(({ span, ...rest }) => rest) };
}

describe('policies', () => {
  it('with one more Deny never allow more', () => {
    fc.assert(
      fc.property(accessCase, fc.nat(), fc.nat(), (access, where, which) => {
        for (const { policy: document, replace } of places(access)) {
          const statements = statementsOf(document);
          const some = statements[which % statements.length] ?? {};
          const added = statements.toSpliced(where % (statements.length + 1), 0, { ...some, Effect: 'Deny' });
          if (isAllowed(replace({ ...document, Statement: added }))) expect(isAllowed(access)).to.equal(true);
        }
      }),
      runs,
    );
  });

  it('with one Allow less never allow more', () => {
    fc.assert(
      fc.property(accessCase, fc.nat(), (access, which) => {
        for (const { policy: document, replace } of places(access)) {
          const statements = statementsOf(document);
          const at = which % statements.length;
          if (statements.length < 2 || statements[at]?.Effect !== 'Allow') continue;
          if (isAllowed(replace({ ...document, Statement: statements.toSpliced(at, 1) }))) {
            expect(isAllowed(access)).to.equal(true);
          }
        }
      }),
      runs,
    );
  });

  it('decide the same whatever the order of their statements', () => {
    fc.assert(
      fc.property(accessCase, (access) => {
        for (const { policy: document, replace } of places(access)) {
          const Statement = statementsOf(document).toReversed();
          expect(verdict(replace({ ...document, Statement }))).to.equal(verdict(access));
        }
        expect(verdict({ ...access, identity: access.identity.toReversed() })).to.equal(verdict(access));
      }),
      runs,
    );
  });

  it('are the same after their JSON was written and read again', () => {
    const kinds = ['key', 'trust', 'identity'] as const;
    const documents = fc.constantFrom(...kinds).chain((kind) => fc.tuple(fc.constant(kind), policy(kind)));
    fc.assert(
      fc.property(documents, ([kind, json]) => {
        const document = parsePolicy(JSON.stringify(json), kind);
        const again = parsePolicy(renderPolicy(document), kind);
        expect(withoutPlaces(again)).to.deep.equal(withoutPlaces(document));
        expect(renderPolicy(again)).to.equal(renderPolicy(document));
      }),
      runs,
    );
  });

  it('mean the same whatever the case of actions and condition keys', () => {
    const upper = (document: JsonPolicy): JsonPolicy => ({
      ...document,
      Statement: statementsOf(document).map((statement) =>
        JSON.parse(JSON.stringify(statement), (name, value) => {
          if (name === 'Action' || name === 'NotAction') {
            return [value].flat().map((action: string) => action.toUpperCase());
          }
          // the keys of each operator
          return value !== null &&
            typeof value === 'object' &&
            Object.keys(value).some((each) => /^(aws|kms):/i.test(each))
            ? Object.fromEntries(Object.entries(value).map(([each, values]) => [each.toLowerCase(), values]))
            : value;
        }),
      ),
    });
    fc.assert(
      fc.property(accessCase, (access) => {
        for (const { policy: document, replace } of places(access)) {
          const distinct = new Set(
            JSON.stringify(document)
              .toLowerCase()
              .match(/"(aws|kms):[^"]*":/g),
          );
          if (distinct.size !== (JSON.stringify(document).match(/"(aws|kms):[^"]*":/gi) ?? []).length)
            continue;
          expect(verdict(replace(upper(document)))).to.equal(verdict(access));
        }
      }),
      runs,
    );
  });

  const unknown = 'kms:NoSuchKey';
  it('never allow by a condition on a key that no request has, unless it says so', () => {
    fc.assert(
      fc.property(accessCase, (access) => {
        const bound = (document: JsonPolicy): JsonPolicy => ({
          ...document,
          Statement: statementsOf(document).map((statement) =>
            statement.Effect === 'Allow'
              ? { ...statement, Condition: { StringLike: { [unknown]: '*' } } }
              : statement,
          ),
        });
        let all = { ...access, identity: access.identity.map(bound) };
        if (all.resourcePolicy !== undefined) {
          const { kind, policy: document } = all.resourcePolicy;
          all = { ...all, resourcePolicy: { kind, policy: bound(document) } };
        }
        expect(isAllowed(all)).to.equal(false);
      }),
      runs,
    );
  });

  it('deny by a negated condition on a key that no request has', () => {
    fc.assert(
      fc.property(
        accessCase,
        fc.constantFrom('StringNotEquals', 'StringNotLike', 'ArnNotLike'),
        (access, operator) => {
          const Condition = { [operator]: { [unknown]: 'x' } };
          const blocking = {
            Version: '2012-10-17',
            Statement: { Effect: 'Deny', Action: '*', Resource: '*', Condition },
          };
          expect(verdict({ ...access, identity: [...access.identity, blocking] })).to.equal('explicitDeny');
        },
      ),
      runs,
    );
  });

  it('are read or refused, whatever the text: nothing else is thrown', () => {
    const chunks = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"',
      '\\',
      '\\u',
      ' ',
      'null',
      '1',
      '-',
      'true',
      '"Version"',
      '"2012-10-17"',
      '"Statement"',
      '"Effect"',
      '"Allow"',
      '"Action"',
      '"*"',
      '"__proto__"',
    );
    const texts = fc.oneof(
      fc.array(chunks, { maxLength: 30 }).map((all) => all.join('')),
      policy('key').chain((document) => {
        const text = JSON.stringify(document);
        return fc
          .tuple(fc.nat(text.length), fc.nat(4), chunks)
          .map(([at, length, chunk]) => text.slice(0, at) + chunk + text.slice(at + length));
      }),
      fc.json(),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parsePolicy(text, 'key');
        } catch (error) {
          expect(error).to.be.instanceOf(PolicyError);
          return;
        }
        // what is read, JSON.parse reads too
        expect(JSON.parse(text)).to.be.an('object');
      }),
      { numRuns: 5_000 },
    );
  });
});
