import type { FieldType, Schema } from '../../lib/graphql/plan.ts'

const text = plain('String')
const long = plain('LongString')
const number = plain('Float')
const flag = plain('Boolean')
const texts = { ...text, many: true }

const keyAndValue = { key: text, value: text }
const point = { key: text, value: number, timestamp: long, step: long }
const metric = { ...point, datasetName: text, datasetDigest: text, modelId: text, runId: text }
const reply = { apiError: one('ApiError') }

const runTypes = {
  MlflowRun: {
    info: one('MlflowRunInfo'),
    data: one('MlflowRunData'),
    inputs: one('MlflowRunInputs'),
    outputs: one('MlflowRunOutputs'),
    experiment: one('MlflowExperiment'),
    modelVersions: many('MlflowModelVersion'),
  },
  MlflowRunInfo: {
    runId: text,
    runUuid: text,
    runName: text,
    experimentId: text,
    userId: text,
    status: text,
    startTime: long,
    endTime: long,
    artifactUri: text,
    lifecycleStage: text,
  },
  MlflowRunData: { metrics: many('MlflowMetric'), params: many('MlflowParam'), tags: many('MlflowRunTag') },
  MlflowMetric: metric,
  MlflowParam: keyAndValue,
  MlflowRunTag: keyAndValue,
  MlflowRunInputs: { datasetInputs: many('MlflowDatasetInput'), modelInputs: many('MlflowModelInput') },
  MlflowDatasetInput: { tags: many('MlflowInputTag'), dataset: one('MlflowDataset') },
  MlflowInputTag: keyAndValue,
  MlflowDataset: { name: text, digest: text, sourceType: text, source: text, schema: text, profile: text },
  MlflowModelInput: { modelId: text },
  MlflowRunOutputs: { modelOutputs: many('MlflowModelOutput') },
  MlflowModelOutput: { modelId: text, step: long },
  MlflowExperiment: {
    experimentId: text,
    name: text,
    artifactLocation: text,
    lifecycleStage: text,
    lastUpdateTime: long,
    creationTime: long,
    tags: many('MlflowExperimentTag'),
    effectiveTraceArchivalRetention: text,
    workspace: text,
  },
  MlflowExperimentTag: keyAndValue,
}

const registryTypes = {
  MlflowModelVersion: {
    name: text,
    version: text,
    creationTimestamp: long,
    lastUpdatedTimestamp: long,
    userId: text,
    currentStage: text,
    description: text,
    source: text,
    runId: text,
    status: text,
    statusMessage: text,
    tags: many('MlflowModelVersionTag'),
    runLink: text,
    aliases: texts,
    modelId: text,
    modelParams: many('MlflowModelParam'),
    modelMetrics: many('MlflowModelMetric'),
    deploymentJobState: one('MlflowModelVersionDeploymentJobState'),
  },
  MlflowModelVersionTag: keyAndValue,
  MlflowModelParam: { name: text, value: text },
  MlflowModelMetric: metric,
  MlflowModelVersionDeploymentJobState: { jobId: text, runId: text, jobState: text, runState: text, currentTaskName: text },
}

const replyTypes = {
  MlflowGetExperimentResponse: { ...reply, experiment: one('MlflowExperiment') },
  MlflowGetRunResponse: { ...reply, run: one('MlflowRun') },
  MlflowSearchRunsResponse: { ...reply, runs: many('MlflowRun'), nextPageToken: text },
  MlflowListArtifactsResponse: { ...reply, rootUri: text, files: many('MlflowFileInfo'), nextPageToken: text },
  MlflowFileInfo: { path: text, isDir: flag, fileSize: long },
  MlflowGetMetricHistoryBulkIntervalResponse: { ...reply, metrics: many('MlflowMetricWithRunId') },
  MlflowMetricWithRunId: { ...point, runId: text },
  MlflowSearchDatasetsResponse: { ...reply, datasetSummaries: many('MlflowDatasetSummary') },
  MlflowDatasetSummary: { experimentId: text, name: text, digest: text, context: text },
  MlflowSearchModelVersionsResponse: { ...reply, modelVersions: many('MlflowModelVersion'), nextPageToken: text },
  ApiError: { code: text, message: text, helpUrl: text, traceId: text, errorDetails: many('ErrorDetail') },
  ErrorDetail: { field: text, message: text },
  Test: { output: text },
}

const searchRuns = call('SearchRuns', ['experimentIds', 'filter', 'runViewType', 'maxResults', 'orderBy', 'pageToken'])
const echo = { ...one('Test'), takes: { inputString: undefined } }

/** What may be asked at `/graphql`. The mutations of the protocol change nothing: they are searches with long inputs. */
export const mlflowSchema: Schema = {
  query: 'Query',
  mutation: 'Mutation',
  types: {
    ...runTypes,
    ...registryTypes,
    ...replyTypes,
    Query: {
      test: echo,
      mlflowGetExperiment: call('GetExperiment', ['experimentId']),
      mlflowGetRun: call('GetRun', ['runId', 'runUuid']),
      mlflowListArtifacts: call('ListArtifacts', ['runId', 'runUuid', 'path', 'pageToken']),
      mlflowSearchModelVersions: call('SearchModelVersions', ['filter', 'maxResults', 'orderBy', 'pageToken']),
      mlflowGetMetricHistoryBulkInterval: call('GetMetricHistoryBulkInterval', [
        'runIds',
        'metricKey',
        'startStep',
        'endStep',
        'maxResults',
      ]),
      mlflowSearchRuns: searchRuns,
    },
    Mutation: {
      testMutation: echo,
      mlflowSearchDatasets: call('SearchDatasets', ['experimentIds']),
      mlflowSearchRuns: searchRuns,
    },
  },
}

function plain(type: string): FieldType {
  return { type, isObject: false, many: false }
}

function one(type: string): FieldType {
  return { type, isObject: true, many: false }
}

function many(type: string): FieldType {
  return { type, isObject: true, many: true }
}

function call(name: string, keys: readonly string[]): FieldType {
  return { ...one(`Mlflow${name}Response`), takes: { input: keys } }
}
