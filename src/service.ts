/** The services of AWS that Coffer speaks for, by the names that actions and signatures have for them. */
export const serviceNames = ['kms', 'iam', 'sts', 'cloudtrail'] as const;

export type ServiceName = (typeof serviceNames)[number];
