/** Where applications ask for one prediction by feature name, and what a good reply holds. */
export const friendly = {
  path: (deployment: string) => `/v1/predict/${encodeURIComponent(deployment)}`,
  replyFields: ['id', 'model_version', 'score', 'prediction', 'timestamp'],
} as const

/** The Open Inference Protocol’s addresses of a deployment. */
export const inferPath = (deployment: string) => `${modelPath(deployment)}/infer`
export const modelPath = (deployment: string) => `/v2/models/${encodeURIComponent(deployment)}`
