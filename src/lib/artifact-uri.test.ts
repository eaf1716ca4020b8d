import { expect, test } from 'vitest'
import { folderFromArtifactUri } from './artifact-uri.ts'

test.each([
  ['mlflow-artifacts:/1/run/artifacts', '1/run/artifacts'],
  ['mlflow-artifacts://host:9000/models/x', 'models/x'],
  ['mlflow-artifacts:', ''],
  ['mlflow-artifacts:/', ''],
  ['mlflow-artifacts:///a//b', 'a//b'],
  ['http://h:1/api/2.0/mlflow-artifacts/artifacts/1/x', '1/x'],
  ['https://h/p/fraud/api/2.0/mlflow-artifacts/artifacts', ''],
  ['http://h/api/2.0/mlflow-artifacts/artifacts-of-others/x', undefined],
  ['http://h/elsewhere', undefined],
  ['s3://bucket/key', undefined],
  ['file:///tmp/x', undefined],
  ['/tmp/x', undefined],
  ['', undefined],
  ['mlflow-artifacts:/a/../b', 'a/../b'],
])('%s is the folder %s', (uri, folder) => {
  expect(folderFromArtifactUri(uri)).toBe(folder)
})
