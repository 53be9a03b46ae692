import type { Decision, Reason } from './decide.ts';

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
 * example `because no identity-based policy allows the kms:Encrypt action`.
 */
export function denial(decision: Extract<Decision, { allowed: false }>, action: string): string {
  if (!decision.explicit) return `because no ${decision.because} allows the ${action} action`;
  const article = decision.because === 'identity-based policy' ? 'an' : 'a';
  return `with an explicit deny in ${article} ${decision.because}`;
}
