import { limits } from '../../identity/limits.ts';
import type { Caller, Operation, Result, Services } from '../operation.ts';
import { requirePolicy } from './boundary.ts';
import { operationOn } from './entity-operation.ts';
import { limitExceeded, refusedAs } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { boundaryFacts, type Kind, kinds } from './kind.ts';
import { unknownPolicy } from './managed.ts';
import { iamPage, shortPage } from './page.ts';
import { policyNameOf, policyPathOf } from './shape.ts';

/** AttachUserPolicy, DetachGroupPolicy and so on. */
function change(
  kind: Kind,
  verb: 'Attach' | 'Detach',
  result: (id: string, policyArn: string, caller: Caller, services: Services) => Result | Promise<Result>,
): Operation {
  return operationOn(kind, {
    name: `${verb}${kind.type}Policy`,
    readOnly: false,
    input: { PolicyArn: members.arn },
    plan: ({ PolicyArn: policyArn }, caller, services) => ({
      result: ({ id }) => result(id, policyArn, caller, services),
      facts: (entity) => ({ ...boundaryFacts(entity), 'iam:policyarn': policyArn }),
    }),
  });
}

function attach(kind: Kind): Operation {
  return change(kind, 'Attach', async (id, policyArn, caller, services) => {
    await requirePolicy(policyArn, caller, services);
    return {
      type: 'change',
      change: { ...caller.scope, type: 'policy-attached', id, policyArn, limit: limits.attachments },
      refused: refusedAs({ limit: limitExceeded(`PoliciesPer${kind.type}`, limits.attachments) }),
    };
  });
}

function detach(kind: Kind): Operation {
  return change(kind, 'Detach', (id, policyArn, caller) => ({
    type: 'change',
    change: { ...caller.scope, type: 'policy-detached', id, policyArn },
    refused: refusedAs({ notFound: unknownPolicy(policyArn) }),
  }));
}

function list(kind: Kind): Operation {
  const action = `ListAttached${kind.type}Policies`;
  return operationOn(kind, {
    name: action,
    readOnly: true,
    input: { PathPrefix: members.pathPrefix.optional(), ...pageMembers },
    plan: ({ PathPrefix: pathPrefix = '/', MaxItems, Marker }, _caller, { identities }) => ({
      async result({ id }) {
        const all = await identities.listAttachments(id);
        const under = all.filter((arn) => policyPathOf(arn).startsWith(pathPrefix));
        const { items, rest } = await iamPage(action, `${id}${pathPrefix}`, { MaxItems, Marker }, (range) =>
          shortPage(under, (arn) => arn, range),
        );
        const AttachedPolicies = items.map((arn) => ({ PolicyName: policyNameOf(arn), PolicyArn: arn }));
        return { type: 'answer', output: { AttachedPolicies, ...rest } };
      },
    }),
  });
}

/** AttachUserPolicy, DetachGroupPolicy, ListAttachedRolePolicies and so on. */
export const attachmentOperations: readonly Operation[] = kinds.flatMap((kind) => [
  attach(kind),
  detach(kind),
  list(kind),
]);
