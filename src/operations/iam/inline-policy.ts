import { KmsError } from '../../errors.ts';
import { limits } from '../../identity/limits.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { checkDocument } from './document.ts';
import { noSuchEntity, refusedAs } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { boundaryFacts, inputOn, type Kind, kinds, nameIn, planOn } from './kind.ts';
import { iamPage, shortPage } from './page.ts';
import { encodeDocument } from './shape.ts';

function put(kind: Kind): Operation {
  const action = `Put${kind.type}Policy`;
  return defineOperation({
    service: 'iam',
    name: action,
    readOnly: false,
    input: inputOn(kind, { PolicyName: members.policyName, PolicyDocument: members.document }),
    plan(input, caller, services) {
      const { PolicyName: name, PolicyDocument: document } = input;
      const owner = nameIn(input, kind);
      const limit = limits.inlinePolicySize[kind.type];
      return planOn(
        kind,
        action,
        owner,
        caller,
        services,
        ({ id }) => {
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
        boundaryFacts,
      );
    },
  });
}

function get(kind: Kind): Operation {
  const action = `Get${kind.type}Policy`;
  return defineOperation({
    service: 'iam',
    name: action,
    readOnly: true,
    input: inputOn(kind, { PolicyName: members.policyName }),
    plan(input, caller, services) {
      return planOn(kind, action, nameIn(input, kind), caller, services, async ({ id, name }) => {
        const policies = await services.identities.listInlinePolicies(id);
        const policy = policies.find((one) => one.name === input.PolicyName);
        if (policy === undefined) throw unknownPolicy(kind, input.PolicyName);
        return {
          type: 'answer',
          output: {
            [kind.member]: name,
            PolicyName: policy.name,
            PolicyDocument: encodeDocument(policy.document),
          },
        };
      });
    },
  });
}

function list(kind: Kind): Operation {
  const action = `List${kind.type}Policies`;
  return defineOperation({
    service: 'iam',
    name: action,
    readOnly: true,
    input: inputOn(kind, { ...pageMembers }),
    plan(input, caller, services) {
      const { MaxItems, Marker } = input;
      return planOn(kind, action, nameIn(input, kind), caller, services, async ({ id }) => {
        const policies = await services.identities.listInlinePolicies(id);
        const { items, rest } = await iamPage(action, id, { MaxItems, Marker }, (range) =>
          shortPage(policies, ({ name }) => name, range),
        );
        return { type: 'answer', output: { PolicyNames: items.map(({ name }) => name), ...rest } };
      });
    },
  });
}

function remove(kind: Kind): Operation {
  const action = `Delete${kind.type}Policy`;
  return defineOperation({
    service: 'iam',
    name: action,
    readOnly: false,
    input: inputOn(kind, { PolicyName: members.policyName }),
    plan(input, caller, services) {
      const { PolicyName: name } = input;
      return planOn(
        kind,
        action,
        nameIn(input, kind),
        caller,
        services,
        ({ id }) => ({
          type: 'change',
          change: { ...caller.scope, type: 'inline-policy-deleted', id, name },
          refused: refusedAs({ notFound: unknownPolicy(kind, name) }),
        }),
        boundaryFacts,
      );
    },
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
