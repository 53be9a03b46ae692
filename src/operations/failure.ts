import { KmsError } from '../errors.ts';
import { HsmError } from '../keys/hsm.ts';

const internal =
  'The request was rejected because an internal exception occurred. The request can be retried.';

/** What a caller reads of a failure below the API: the kind of it, never the detail, which goes to the log. */
export function toKmsError(cause: unknown): KmsError {
  if (cause instanceof KmsError) return cause;
  if (!(cause instanceof HsmError)) return new KmsError('KMSInternalException', internal, { cause });
  const options = { detail: cause.message, cause };
  switch (cause.kind) {
    case 'invalid-ciphertext':
      return new KmsError('InvalidCiphertextException', '', options);
    case 'timeout':
    case 'unavailable':
      return new KmsError(
        'DependencyTimeoutException',
        'The system timed out while trying to fulfill the request. You can retry the request.',
        options,
      );
    case 'busy':
      return new KmsError('ThrottlingException', 'Rate exceeded', options);
    case 'unsupported':
      return new KmsError(
        'UnsupportedOperationException',
        'The token of this key store does not support this.',
        options,
      );
    case 'missing-object':
    case 'internal':
      return new KmsError('KMSInternalException', internal, options);
  }
}

export function internalError(detail: string, cause?: unknown): KmsError {
  return new KmsError('KMSInternalException', internal, { detail, cause });
}
