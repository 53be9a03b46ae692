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
