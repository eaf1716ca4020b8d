/** Where applications ask for one prediction by feature name, and what a good reply holds. */
export const friendly = {
  path: (deployment: string) => `/api/v1/deployments/${encodeURIComponent(deployment)}/predictions`,
  replyFields: ['id', 'modelVersion', 'score', 'prediction'],
} as const

/** The Open Inference Protocol’s addresses of a deployment. */
export const inferPath = (deployment: string) => `${modelPath(deployment)}/infer`
export const modelPath = (deployment: string) => `/v2/models/${encodeURIComponent(deployment)}`
