/** Where a key lives: every key, alias and credential belongs to one account, every key and alias to one region. */
export interface Scope {
  /** For example `us-east-1`. */
  readonly region: string;
  /** Twelve digits. */
  readonly account: string;
}

export type KmsResource = Scope &
  ({ readonly type: 'key'; readonly keyId: string } | { readonly type: 'alias'; readonly aliasName: string });

/** `arn:aws:kms:<region>:<account>:key/<key id>`. */
export function keyArn(scope: Scope, keyId: string): string {
  return `arn:aws:kms:${scope.region}:${scope.account}:key/${keyId}`;
}

/** `arn:aws:kms:<region>:<account>:<alias name>`, where the name begins with `alias/`. */
export function aliasArn(scope: Scope, aliasName: string): string {
  return `arn:aws:kms:${scope.region}:${scope.account}:${aliasName}`;
}

const pattern = /^arn:aws:kms:([a-z0-9-]+):(\d{12}):(key\/([A-Za-z0-9-]+)|alias\/[A-Za-z0-9/_-]+)$/;

/** Takes a key or alias ARN apart; `undefined` where it is none. */
export function parseKmsArn(arn: string): KmsResource | undefined {
  const match = pattern.exec(arn);
  const [, region, account, resource, keyId] = match ?? [];
  if (region === undefined || account === undefined || resource === undefined) return undefined;
  return keyId === undefined
    ? { region, account, type: 'alias', aliasName: resource }
    : { region, account, type: 'key', keyId };
}

export type IamResourceType = 'user' | 'group' | 'role' | 'policy';

/** `arn:aws:iam::<account>:<type><path><name>`, where the path begins and ends with a slash. */
export function iamArn(account: string, type: IamResourceType, path: string, name: string): string {
  return `arn:aws:iam::${account}:${type}${path}${name}`;
}

/** `arn:aws:iam::<account>:root`. */
export function rootArn(account: string): string {
  return `arn:aws:iam::${account}:root`;
}

/** `arn:aws:sts::<account>:assumed-role/<role>/<session>`. */
export function assumedRoleArn(account: string, roleName: string, session: string): string {
  return `arn:aws:sts::${account}:assumed-role/${roleName}/${session}`;
}

export interface AssumedRole {
  readonly account: string;
  readonly roleName: string;
  readonly session: string;
}

const assumedRole = /^arn:aws:sts::(\d{12}):assumed-role\/([\w+=,.@-]+)\/([\w+=,.@-]+)$/;

/** Takes the ARN of a role's session apart, which has no path; `undefined` where it is none. */
export function parseAssumedRoleArn(arn: string): AssumedRole | undefined {
  const [, account, roleName, session] = assumedRole.exec(arn) ?? [];
  if (account === undefined || roleName === undefined || session === undefined) return undefined;
  return { account, roleName, session };
}
