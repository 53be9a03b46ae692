import { KmsError } from '../../errors.ts';
import { limits } from '../../identity/limits.ts';
import type { Operation } from '../operation.ts';
import { checkDocument } from './document.ts';
import { operationOn } from './entity-operation.ts';
import { noSuchEntity, refusedAs } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { boundaryFacts, type Kind, kinds } from './kind.ts';
import { iamPage, shortPage } from './page.ts';
import { encodeDocument } from './shape.ts';

function put(kind: Kind): Operation {
  const limit = limits.inlinePolicySize[kind.type];
  return operationOn(kind, {
    name: `Put${kind.type}Policy`,
    readOnly: false,
    input: { PolicyName: members.policyName, PolicyDocument: members.document },
    plan: ({ PolicyName: name, PolicyDocument: document }, caller, _services, owner) => ({
      result({ id }) {
        checkDocument(document);
        return {
          type: 'change',
          change: { ...caller.scope, type: 'inline-policy-put', id, name, document, limit },
          refused: refusedAs({
            limit: new KmsError(
              'LimitExceededException',
              `Maximum policy size of ${limit} bytes exceeded for ${kind.noun} ${owner}`,
            ),
          }),
        };
      },
      facts: boundaryFacts,
    }),
  });
}

function get(kind: Kind): Operation {
  return operationOn(kind, {
    name: `Get${kind.type}Policy`,
    readOnly: true,
    input: { PolicyName: members.policyName },
    plan: ({ PolicyName: wanted }, _caller, { identities }) => ({
      async result({ id, name }) {
        const policies = await identities.listInlinePolicies(id);
        const policy = policies.find((one) => one.name === wanted);
        if (policy === undefined) throw unknownPolicy(kind, wanted);
        return {
          type: 'answer',
          output: {
            [kind.member]: name,
            PolicyName: policy.name,
            PolicyDocument: encodeDocument(policy.document),
          },
        };
      },
    }),
  });
}

function list(kind: Kind): Operation {
  const action = `List${kind.type}Policies`;
  return operationOn(kind, {
    name: action,
    readOnly: true,
    input: pageMembers,
    plan: ({ MaxItems, Marker }, _caller, { identities }) => ({
      async result({ id }) {
        const policies = await identities.listInlinePolicies(id);
        const { items, rest } = await iamPage(action, id, { MaxItems, Marker }, (range) =>
          shortPage(policies, ({ name }) => name, range),
        );
        return { type: 'answer', output: { PolicyNames: items.map(({ name }) => name), ...rest } };
      },
    }),
  });
}

function remove(kind: Kind): Operation {
  return operationOn(kind, {
    name: `Delete${kind.type}Policy`,
    readOnly: false,
    input: { PolicyName: members.policyName },
    plan: ({ PolicyName: name }, caller) => ({
      result: ({ id }) => ({
        type: 'change',
        change: { ...caller.scope, type: 'inline-policy-deleted', id, name },
        refused: refusedAs({ notFound: unknownPolicy(kind, name) }),
      }),
      facts: boundaryFacts,
    }),
  });
}

function unknownPolicy({ noun }: Kind, name: string): KmsError {
  return noSuchEntity(`The ${noun} policy with name ${name} cannot be found.`);
}

/** PutUserPolicy, GetGroupPolicy, ListRolePolicies, DeleteUserPolicy and so on. */
export const inlinePolicyOperations: readonly Operation[] = kinds.flatMap((kind) => [
  put(kind),
  get(kind),
  list(kind),
  remove(kind),
]);
