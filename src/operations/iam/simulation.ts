import { isAwsManaged } from '../../identity/managed.ts';
import type { Key } from '../../keys/key.ts';
import type { PolicySource, StatementReason } from '../../policy/compile.ts';
import { type Simulation, simulate } from '../../policy/simulate.ts';
import { keyPolicy } from '../authorize.ts';
import { contextOf } from '../condition.ts';
import type { Caller, Services, Subject } from '../operation.ts';
import { invalidInput } from './errors.ts';
import { policyNameOf } from './shape.ts';
import { findKey, readPolicy, type Simulated } from './simulated.ts';

export interface ContextEntry {
  readonly ContextKeyName: string;
  readonly ContextKeyValues: readonly string[];
  readonly ContextKeyType: string;
}

/** What is simulated, besides by whom. */
export interface SimulationInput {
  readonly ActionNames: readonly string[];
  readonly ResourceArns?: readonly string[] | undefined;
  /** Instead of the policy that a key has. */
  readonly ResourcePolicy?: string | undefined;
  /** The account of resources whose ARN names none. */
  readonly ResourceOwner?: string | undefined;
  readonly ContextEntries?: readonly ContextEntry[] | undefined;
}

/** Characters that all simulations of one page may compare: a second or two at the worst. */
const patience = 40_000_000;

/** What is known of a request that isn't made: who it is from and what it is about. The rest must be told. */
const known =
  /^(?:aws:principal(?:arn|account|type|tag\/.*)|aws:user(?:id|name)|aws:(?:currenttime|epochtime)|aws:resource(?:account|tag\/.*)|kms:.*)$/;

/**
 * Simulates requests with the very engine that decides on real ones, of each action on each resource.
 * @returns what gives the result of any of them, by its index, as IAM answers it
 */
export async function simulation(
  input: SimulationInput,
  simulated: Simulated,
  caller: Caller,
  services: Services,
): Promise<{ count: number; result(index: number): Promise<object> }> {
  const { ActionNames: actions, ResourceArns: resources = ['*'] } = input;
  const told = contextEntries(input.ContextEntries ?? []);
  const given =
    input.ResourcePolicy === undefined
      ? undefined
      : readPolicy(input.ResourcePolicy, 'key', { type: 'resource policy', id: 'ResourcePolicy' });
  const owner = input.ResourceOwner === undefined ? undefined : accountIn(input.ResourceOwner);
  const { principal, tags } = simulated;
  const asIf: Caller = {
    principal,
    scope: { ...caller.scope, account: principal.account },
    accessKeyId: '',
    sourceIp: '',
    userAgent: '',
    secure: true,
    grantTokens: [],
  };
  let left = patience;
  const spend = (characters: number): void => {
    left -= characters;
    if (left < 0)
      throw invalidInput(
        'The policies and the context are too large to be compared. Ask for less at a time.',
      );
  };
  return {
    count: actions.length * resources.length,
    async result(index) {
      const action = actions[Math.floor(index / resources.length)] ?? '';
      const resource = resources[index % resources.length] ?? '';
      const key = await findKey(resource, caller, services);
      const resourceAccount = accountOf(resource) ?? owner ?? principal.account;
      const context = contextOf(
        asIf,
        tags,
        subjectOf(action, resource, resourceAccount, key),
        services.clock,
      );
      const found = simulate(
        {
          principal,
          action,
          resource,
          resourceAccount,
          context: Object.assign(
            (name: string) => told.get(name) ?? (known.test(name) ? context(name) : undefined),
            { spend },
          ),
        },
        {
          identity: simulated.identity,
          boundary: simulated.boundary,
          resource: given ?? (key && keyPolicy(key)),
        },
      );
      return shape(action, resource, found);
    },
  };
}

function subjectOf(action: string, resource: string, account: string, key: Key | undefined): Subject {
  return key === undefined
    ? { type: 'resource', action, arn: resource, account, resourceType: '' }
    : { type: 'key', action, key, rule: 'look' };
}

/** @throws KmsError InvalidInputException where a key is told twice */
function contextEntries(entries: readonly ContextEntry[]): Map<string, string | readonly string[]> {
  const told = new Map<string, string | readonly string[]>();
  for (const { ContextKeyName, ContextKeyValues, ContextKeyType } of entries) {
    const name = ContextKeyName.toLowerCase();
    if (told.has(name)) throw invalidInput(`Duplicate context key: ${ContextKeyName}`);
    const [value] = ContextKeyValues;
    const single = !ContextKeyType.endsWith('List') && ContextKeyValues.length === 1;
    told.set(name, single && value !== undefined ? value : ContextKeyValues);
  }
  return told;
}

function accountOf(arn: string): string | undefined {
  return /^arn:[^:]*:[^:]*:[^:]*:(\d{12}):/.exec(arn)?.[1];
}

/** An account's number or the ARN of its root. @throws KmsError InvalidInputException */
function accountIn(owner: string): string {
  const account = /^\d{12}$/.test(owner) ? owner : accountOf(owner);
  if (account === undefined) throw invalidInput(`Invalid resource owner: ${owner}`);
  return account;
}

function shape(action: string, resource: string, found: Simulation): object {
  const { decision, missing, allowedByBoundary } = found;
  const MatchedStatements = found.matched.map(statement);
  const PermissionsBoundaryDecisionDetail =
    allowedByBoundary === undefined ? undefined : { AllowedByPermissionsBoundary: allowedByBoundary };
  const common = { MatchedStatements, MissingContextValues: missing, PermissionsBoundaryDecisionDetail };
  return {
    EvalActionName: action,
    EvalResourceName: resource,
    EvalDecision: decision,
    ...common,
    ResourceSpecificResults:
      resource === '*'
        ? undefined
        : [{ EvalResourceName: resource, EvalResourceDecision: decision, ...common }],
  };
}

function statement({ policy, start, end }: StatementReason): object {
  return {
    SourcePolicyId: policy.type === 'managed policy' ? policyNameOf(policy.id) : policy.id,
    SourcePolicyType: sourceType(policy),
    StartPosition: { Line: start.line, Column: start.column },
    EndPosition: { Line: end.line, Column: end.column },
  };
}

function sourceType({ type, id }: PolicySource): string {
  switch (type) {
    case 'user policy':
      return 'user';
    case 'group policy':
      return 'group';
    case 'role policy':
      return 'role';
    case 'key policy':
    case 'trust policy':
    case 'resource policy':
      return 'resource';
    case 'managed policy':
    case 'session policy':
    case 'permissions boundary':
      return isAwsManaged(id) ? 'aws-managed' : id.startsWith('arn:') ? 'user-managed' : 'none';
  }
}
