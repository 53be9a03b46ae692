import { assumedRoleArn, parseKmsArn } from '../../arn.ts';
import type { Entity } from '../../identity/entity.ts';
import type { AttachedPolicy, Principal } from '../../identity/principal.ts';
import { type CompiledPolicy, compilePolicy, type PolicySource } from '../../policy/compile.ts';
import { PolicyError } from '../../policy/error.ts';
import { type PolicyDocument, type PolicyKind, parsePolicy } from '../../policy/parse.ts';
import type { Tag } from '../../tag.ts';
import type { Caller, Services } from '../operation.ts';
import { invalidInput } from './errors.ts';
import { groupKind, type Kind, roleKind, unknownEntity, userKind } from './kind.ts';

/** Whose request is simulated, and what it has. */
export interface Simulated {
  readonly principal: Principal;
  readonly tags: readonly Tag[];
  readonly identity: readonly CompiledPolicy[];
  readonly boundary: CompiledPolicy | undefined;
}

/** @throws KmsError InvalidInputException */
export function readDocument(text: string, kind: PolicyKind): PolicyDocument {
  try {
    return parsePolicy(text, kind);
  } catch (cause) {
    if (cause instanceof PolicyError) throw invalidInput(`Invalid policy: ${cause.message}`);
    throw cause;
  }
}

export function readPolicy(text: string, kind: PolicyKind, source: PolicySource): CompiledPolicy {
  return compilePolicy(readDocument(text, kind), source);
}

/** Policies that came with the request, named as AWS names them: `PolicyInputList.1`. */
export function readGiven(texts: readonly string[]): CompiledPolicy[] {
  return texts.map((text, index) =>
    readPolicy(text, 'identity', { type: 'managed policy', id: `PolicyInputList.${index + 1}` }),
  );
}

const entityArn = /^arn:aws:iam::(\d{12}):(user|group|role)\/(?:[!-~]+\/)?([\w+=,.@-]+)$/;

export interface SourceName {
  readonly arn: string;
  readonly account: string;
  readonly kind: Kind;
  readonly name: string;
}

/** Takes the ARN of a user, group or role apart. @throws KmsError InvalidInputException */
export function readSource(arn: string): SourceName {
  const [, account, type, name] = entityArn.exec(arn) ?? [];
  const kind = [userKind, groupKind, roleKind].find(({ noun }) => noun === type);
  if (account === undefined || name === undefined || kind === undefined) {
    throw invalidInput(`Invalid Entity Arn: ${arn} does not clearly define entity type and name.`);
  }
  return { arn, account, kind, name };
}

/** The user, group or role of exactly this ARN, if there is one and it is of the caller's account. */
export async function findSource(
  source: SourceName,
  { scope }: Caller,
  { identities }: Services,
): Promise<Entity | undefined> {
  if (source.account !== scope.account) return undefined;
  const found = await source.kind.find(identities, source.account, source.name);
  return found?.arn === source.arn ? found : undefined;
}

/** Documents of all policies that count for a user, group or role, and of its boundary. */
export async function policiesOf(
  entity: Entity,
  { identities }: Services,
): Promise<{ policies: readonly AttachedPolicy[]; boundary: AttachedPolicy | undefined }> {
  if (entity.type !== 'Group') {
    const identity = await identities.findIdentity(entity.id);
    if (identity === undefined)
      throw unknownEntity(entity.type === 'User' ? userKind : roleKind, entity.name);
    return identity;
  }
  const inline = await identities.listInlinePolicies(entity.id);
  const attached = await identities.listAttachments(entity.id);
  const managed = await Promise.all(
    attached.map(async (arn) => ({ id: arn, document: await identities.findManagedPolicy(arn) })),
  );
  return {
    policies: [
      ...inline.map(({ name, document }) => ({ type: 'group policy' as const, id: name, document })),
      ...managed.flatMap(({ id, document }) =>
        document === undefined ? [] : [{ type: 'managed policy' as const, id, document }],
      ),
    ],
    boundary: undefined,
  };
}

/** Nobody in particular, of an account. */
export function nobodyOf(account: string): Principal {
  return { type: 'IAMUser', arn: '', principalId: '', account, userName: undefined };
}

export function principalOf(entity: Entity): Principal {
  const { account, arn, id, name } = entity;
  switch (entity.type) {
    case 'User':
      return { type: 'IAMUser', arn, principalId: id, account, userName: name };
    case 'Group':
      return nobodyOf(account);
    case 'Role':
      return {
        type: 'AssumedRole',
        arn: assumedRoleArn(account, name, 'simulation'),
        principalId: `${id}:simulation`,
        account,
        userName: undefined,
        role: { arn, roleId: id, roleName: name },
      };
  }
}

/**
 * The user that a request names as the simulated caller; of one of another account nothing but that is known.
 * @throws KmsError InvalidInputException
 */
export async function readCaller(arn: string, caller: Caller, services: Services): Promise<Principal> {
  const source = readSource(arn);
  if (source.kind !== userKind) {
    throw invalidInput(`Invalid caller: ${arn} is not the ARN of a user.`);
  }
  const found = await findSource(source, caller, services);
  if (found !== undefined) return principalOf(found);
  return { ...nobodyOf(source.account), arn, userName: source.name };
}

/** The key that a resource names, whose policy has a say; of the caller's own account alone. */
export function findKey(resource: string, { scope }: Caller, { keys }: Services) {
  const named = parseKmsArn(resource);
  if (named?.type !== 'key' || named.account !== scope.account) return undefined;
  return keys.findKey(named, named.keyId);
}
