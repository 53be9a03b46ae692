import { limits } from '../../identity/limits.ts';
import { defineOperation, type Operation } from '../operation.ts';
import { requirePolicy } from './boundary.ts';
import { limitExceeded, noSuchEntity, refusedAs } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { boundaryFacts, inputOn, type Kind, kinds, nameIn, planOn } from './kind.ts';
import { iamPage, shortPage } from './page.ts';
import { policyNameOf, policyPathOf } from './shape.ts';

function attach(kind: Kind): Operation {
  const action = `Attach${kind.type}Policy`;
  return defineOperation({
    service: 'iam',
    name: action,
    readOnly: false,
    input: inputOn(kind, { PolicyArn: members.arn }),
    plan(input, caller, services) {
      const { PolicyArn: policyArn } = input;
      return planOn(
        kind,
        action,
        nameIn(input, kind),
        caller,
        services,
        async ({ id }) => {
          await requirePolicy(policyArn, caller, services);
          return {
            type: 'change',
            change: { ...caller.scope, type: 'policy-attached', id, policyArn, limit: limits.attachments },
            refused: refusedAs({ limit: limitExceeded(`PoliciesPer${kind.type}`, limits.attachments) }),
          };
        },
        (entity) => ({ ...boundaryFacts(entity), 'iam:policyarn': policyArn }),
      );
    },
  });
}

function detach(kind: Kind): Operation {
  const action = `Detach${kind.type}Policy`;
  return defineOperation({
    service: 'iam',
    name: action,
    readOnly: false,
    input: inputOn(kind, { PolicyArn: members.arn }),
    plan(input, caller, services) {
      const { PolicyArn: policyArn } = input;
      return planOn(
        kind,
        action,
        nameIn(input, kind),
        caller,
        services,
        ({ id }) => ({
          type: 'change',
          change: { ...caller.scope, type: 'policy-detached', id, policyArn },
          refused: refusedAs({ notFound: noSuchEntity(`Policy ${policyArn} was not found.`) }),
        }),
        (entity) => ({ ...boundaryFacts(entity), 'iam:policyarn': policyArn }),
      );
    },
  });
}

function list(kind: Kind): Operation {
  const action = `ListAttached${kind.type}Policies`;
  return defineOperation({
    service: 'iam',
    name: action,
    readOnly: true,
    input: inputOn(kind, { PathPrefix: members.pathPrefix.optional(), ...pageMembers }),
    plan(input, caller, services) {
      const { PathPrefix: pathPrefix = '/', MaxItems, Marker } = input;
      return planOn(kind, action, nameIn(input, kind), caller, services, async ({ id }) => {
        const all = await services.identities.listAttachments(id);
        const under = all.filter((arn) => policyPathOf(arn).startsWith(pathPrefix));
        const { items, rest } = await iamPage(action, `${id}${pathPrefix}`, { MaxItems, Marker }, (range) =>
          shortPage(under, (arn) => arn, range),
        );
        const AttachedPolicies = items.map((arn) => ({ PolicyName: policyNameOf(arn), PolicyArn: arn }));
        return { type: 'answer', output: { AttachedPolicies, ...rest } };
      });
    },
  });
}

/** AttachUserPolicy, DetachGroupPolicy, ListAttachedRolePolicies and so on. */
export const attachmentOperations: readonly Operation[] = kinds.flatMap((kind) => [
  attach(kind),
  detach(kind),
  list(kind),
]);
