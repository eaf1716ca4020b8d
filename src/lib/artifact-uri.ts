const PROXY = '/api/2.0/mlflow-artifacts/artifacts'

/**
 * The folder of a project’s artifacts that an address of MLflow stands for: `mlflow-artifacts:/1/run/artifacts`, with or
 * without a host, or the same through the proxy’s own HTTP path. Not checked for what could climb out of the tree.
 * Nothing for an address that lies elsewhere (`s3:`, `file:`, a plain path).
 */
export function folderFromArtifactUri(uri: string): string | undefined {
  const match = /^([a-z][a-z0-9+.-]*):(?:\/\/[^/?#]*)?([^?#]*)/i.exec(uri)
  const [, scheme = '', path = ''] = match ?? []
  switch (scheme.toLowerCase()) {
    case 'mlflow-artifacts':
      return path.replace(/^\/+/, '')
    case 'http':
    case 'https': {
      const at = path.indexOf(PROXY)
      const rest = path.slice(at + PROXY.length)
      return at < 0 || !/^(\/|$)/.test(rest) ? undefined : rest.replace(/^\/+/, '')
    }
    default:
      return undefined
  }
}
