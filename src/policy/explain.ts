import type { AccessRequest, Decision, Reason } from './decide.ts';

/** One line for operators: which statement of which policy decided. */
export function explain(decision: Decision): string {
  const by = decision.by.map(describe).join(' and ');
  if (decision.allowed) return `allowed by ${by}`;
  return decision.explicit ? `denied by ${by}` : `denied: no ${decision.because} allows it`;
}

function describe(reason: Reason): string {
  switch (reason.type) {
    case 'statement': {
      const sid = reason.sid === undefined ? '' : ` \`${reason.sid}\``;
      const { line, column } = reason.start;
      return `statement ${reason.index}${sid} (line ${line}, column ${column}) of ${reason.policy.type} \`${reason.policy.id}\``;
    }
    case 'grant':
      return `grant \`${reason.grantId}\``;
    case 'root':
      return 'the account, whose root user asks';
  }
}

/**
 * The end of AWS's message to who is denied (IAM user guide, "Troubleshoot access denied error messages"), for
 * example `because no identity-based policy allows the kms:Encrypt action`. A principal of another account reads the
 * same whether the resource doesn't exist, its policy denies or its policy doesn't allow.
 */
export function denial(
  decision: Extract<Decision, { allowed: false }>,
  { action, principal, resourceAccount }: AccessRequest,
): string {
  const foreign = decision.because === 'resource-based policy' && principal.account !== resourceAccount;
  if (!decision.explicit || foreign) return `because no ${decision.because} allows the ${action} action`;
  const article = decision.because === 'identity-based policy' ? 'an' : 'a';
  return `with an explicit deny in ${article} ${decision.because}`;
}
