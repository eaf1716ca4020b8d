import { expect, test } from 'vitest'
import { registry } from '../../src/contract/registry.ts'
import { downloadAddress, folderOfLoggedModel, lastNameOf, reportAddress, versionAddress } from './places.ts'

test('a logged model lies beside the runs of its experiment, also where that was given a place of its own', () => {
  expect(folderOfLoggedModel('mlflow-artifacts:/1/r1/artifacts', 'r1', 'm-0a')).toBe('1/models/m-0a/artifacts')
  expect(folderOfLoggedModel('mlflow-artifacts:/team/x/r1/artifacts', 'r1', 'm-0a')).toBe('team/x/models/m-0a/artifacts')
  expect(folderOfLoggedModel('s3://bucket/1/r1/artifacts', 'r1', 'm-0a')).toBeUndefined()
  expect(folderOfLoggedModel('mlflow-artifacts:/1/other/artifacts', 'r1', 'm-0a')).toBeUndefined()
})

test('files and records are downloaded within the project, whatever their names have in them', () => {
  expect(downloadAddress('/p/fraud', '1/r1/artifacts/a b&c#.txt')).toBe(
    '/p/fraud/api/v1/artifacts/content?path=1%2Fr1%2Fartifacts%2Fa+b%26c%23.txt',
  )
  expect(versionAddress('', registry.getCard, 'churn v2?', 3)).toBe('/api/v1/models/churn%20v2%3F/versions/3/card')
  expect(reportAddress('/p/fraud', 'churn 2', { fromMs: 5, toMs: 9 })).toBe(
    '/p/fraud/api/v1/monitors/churn%202/report.html?fromMs=5&toMs=9',
  )
  expect(reportAddress('', 'churn')).toBe('/api/v1/monitors/churn/report.html')
  expect(lastNameOf('a/b/c.txt')).toBe('c.txt')
  expect(lastNameOf('c.txt')).toBe('c.txt')
})
