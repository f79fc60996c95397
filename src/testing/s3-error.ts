/** An answer that refuses, as S3 words it. */
export class S3Error extends Error {
  readonly status: number
  readonly code: string
  readonly extra: Readonly<Record<string, string>>

  constructor(status: number, code: string, extra: Readonly<Record<string, string>> = {}) {
    super(code)
    this.status = status
    this.code = code
    this.extra = extra
  }
}
