/**
 * A policy document that is refused when it is stored (AWS: `MalformedPolicyDocument`). The message has AWS's words
 * for the mistake first, where they are known, then what is wrong and where.
 */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  /** Where in the document, for example `Statement[0].Condition.StringEquals`; empty for the document itself. */
  readonly path: string;

  /**
   * @param summary AWS's words for the mistake, for example `Syntax errors in policy.`
   * @param detail what exactly is wrong
   */
  constructor(summary: string, detail: string, path: string) {
    super(`${summary} (${path === '' ? detail : `${path}: ${detail}`})`);
    this.path = path;
  }
}

export function syntaxError(detail: string, path: string): PolicyError {
  return new PolicyError('Syntax errors in policy.', detail, path);
}
