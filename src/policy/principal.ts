import { list, type PolicyDocument, type PrincipalElement, type Values } from './document.ts';

/** Who asks. */
export interface PrincipalFacts {
  readonly type: 'Root' | 'IAMUser' | 'AssumedRole';
  /** Twelve digits. */
  readonly account: string;
  /** `arn:aws:iam::A:user/path/name`, `arn:aws:iam::A:root` or `arn:aws:sts::A:assumed-role/Role/Session`. */
  readonly arn: string;
  /** `AIDA…`, the account's number, or `AROA…:session`. */
  readonly principalId: string;
  /** Of an assumed role. */
  readonly role?: { readonly arn: string; readonly roleId: string } | undefined;
}

/**
 * How a Principal element names who asks: itself (user, role session, everybody), the role of its session, the
 * account it belongs to, or not.
 */
export type PrincipalMatch = 'direct' | 'role' | 'account' | 'none';

const rootArn = /^arn:aws:iam::([0-9]{12}):root$/;
const accountId = /^[0-9]{12}$/;
const principalArn =
  /^arn:aws[a-z-]*:(?:iam::[0-9]{12}:(?:root|(?:user|role)\/[^*?]+)|sts::[0-9]{12}:(?:assumed-role\/[^*?/]+\/[^*?/]+|federated-user\/[^*?]+))$/;
/** AIDA and AROA, and AROA with the session's name. */
const uniqueId = /^A[A-Z0-9]{3,}(?::[\w+=,.@-]+)?$/;

/** Whether an AWS principal has one of the forms that AWS knows; nothing says whether it exists. */
export function isPrincipal(text: string): boolean {
  return text === '*' || accountId.test(text) || principalArn.test(text) || uniqueId.test(text);
}

/** The account that an account id or root ARN names. */
function accountOf(principal: string): string | undefined {
  return accountId.test(principal) ? principal : rootArn.exec(principal)?.[1];
}

export class PrincipalMatcher {
  readonly #negated: boolean;
  readonly #everybody: boolean;
  readonly #accounts: ReadonlySet<string>;
  /** ARNs and unique ids of users, roles and sessions. */
  readonly #named: ReadonlySet<string>;

  constructor(element: PrincipalElement) {
    const names = awsPrincipals(element);
    this.#negated = element.negated;
    this.#everybody = names.includes('*');
    this.#accounts = new Set(names.map(accountOf).filter((account) => account !== undefined));
    this.#named = new Set(names.filter((name) => name !== '*' && accountOf(name) === undefined));
  }

  /** How an Allow names `principal`. NotPrincipal allows nobody: it is for statements that deny. */
  allows(principal: PrincipalFacts): PrincipalMatch {
    return this.#negated ? 'none' : this.#match(principal);
  }

  /**
   * Whether a Deny applies. With Principal it does where `principal` is named in any way. With NotPrincipal it spares
   * only who is named together with its account (a session of a role: with its role too), and who has no permissions
   * boundary (IAM user guide, "AWS JSON policy elements: NotPrincipal").
   */
  denies(principal: PrincipalFacts, hasBoundary: boolean): boolean {
    if (!this.#negated) return this.#match(principal) !== 'none';
    if (hasBoundary) return true;
    if (this.#everybody) return false;
    if (!this.#accounts.has(principal.account)) return true;
    if (principal.type === 'Root') return false;
    return (
      !this.#namesItself(principal) || (principal.role !== undefined && !this.#namesRole(principal.role))
    );
  }

  #match(principal: PrincipalFacts): PrincipalMatch {
    if (this.#everybody || this.#namesItself(principal)) return 'direct';
    const { role } = principal;
    if (role !== undefined && this.#namesRole(role)) return 'role';
    return this.#accounts.has(principal.account) ? 'account' : 'none';
  }

  #namesItself({ arn, principalId }: PrincipalFacts): boolean {
    return this.#named.has(arn) || this.#named.has(principalId);
  }

  #namesRole({ arn, roleId }: NonNullable<PrincipalFacts['role']>): boolean {
    return this.#named.has(arn) || this.#named.has(roleId);
  }
}

function awsPrincipals({ principals }: PrincipalElement): readonly string[] {
  return principals === '*' ? ['*'] : list(principals.AWS ?? []);
}

/** Every AWS principal that Principal and NotPrincipal elements name, each once. `*` is nobody's name. */
export function namedPrincipals(document: PolicyDocument): readonly string[] {
  const names = document.statements.flatMap(({ principal }) =>
    principal === undefined ? [] : awsPrincipals(principal),
  );
  return [...new Set(names)].filter((name) => name !== '*');
}

/**
 * The same document with each AWS principal replaced by what `replace` gives: ARNs of users and roles become unique
 * ids where a policy is stored, and ARNs again where it is shown.
 */
export function replacePrincipals(
  document: PolicyDocument,
  replace: (principal: string) => string,
): PolicyDocument {
  const replaceAll = (values: Values): Values =>
    typeof values === 'string' ? replaceOne(values) : values.map(replaceOne);
  const replaceOne = (name: string) => (name === '*' ? name : replace(name));
  const statements = document.statements.map((statement) => {
    const { principal } = statement;
    if (principal === undefined || principal.principals === '*' || principal.principals.AWS === undefined) {
      return statement;
    }
    const principals = { ...principal.principals, AWS: replaceAll(principal.principals.AWS) };
    return { ...statement, principal: { ...principal, principals } };
  });
  return { ...document, statements };
}
