/** @cloud-copilot/iam-simulate's engine: written by others from the same documentation. */
import { loadPolicy } from '@cloud-copilot/iam-policy';
import { DiscoveryContextKeyConstraints } from '../../node_modules/@cloud-copilot/iam-simulate/dist/esm/context_keys/discoveryContextKeyConstraints.js';
import { authorize } from '../../node_modules/@cloud-copilot/iam-simulate/dist/esm/core_engine/CoreSimulatorEngine.js';
import { AwsRequestImpl } from '../../node_modules/@cloud-copilot/iam-simulate/dist/esm/request/request.js';
import { RequestContextImpl } from '../../node_modules/@cloud-copilot/iam-simulate/dist/esm/requestContext.js';
import type { Simulation } from '../../src/policy/simulate.ts';
import type { Case, JsonPolicy } from './arbitrary.ts';

const simulationParameters = {
  simulationMode: 'Strict',
  discoveryContextKeyConstraints: new DiscoveryContextKeyConstraints([]),
} as const;

const load = (policy: JsonPolicy) => loadPolicy(policy, { name: 'p' });

/** The core of its evaluation: its validation of the request's input takes longer than all the rest. */
export function theirs(access: Case): Simulation['decision'] {
  const { principal, action, resource, resourceAccount, context } = access;
  const request = new AwsRequestImpl(
    principal.arn,
    { resource, accountId: resourceAccount },
    action,
    new RequestContextImpl(
      Object.fromEntries(
        Object.entries(context).map(([name, value]) => [
          name,
          typeof value === 'string' ? value : [...value],
        ]),
      ),
    ),
    resource === '*',
  );
  const { result } = authorize({
    request,
    identityPolicies: access.identity.map(load),
    permissionBoundaries: access.boundary && [load(access.boundary)],
    sessionPolicy: access.session && load(access.session),
    resourcePolicy: access.resourcePolicy && load(access.resourcePolicy.policy),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    vpcEndpointPolicies: undefined,
    simulationParameters,
  });
  switch (result) {
    case 'Allowed':
      return 'allowed';
    case 'ExplicitlyDenied':
      return 'explicitDeny';
    case 'ImplicitlyDenied':
      return 'implicitDeny';
  }
}
