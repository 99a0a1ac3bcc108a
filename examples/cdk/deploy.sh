#!/usr/bin/env bash
# Deploys, changes and deletes both stacks with the AWS CLI on the emulator at AWS_ENDPOINT_URL:
#   personalize-emu serve --pace instant &
#   eval "$(personalize-emu env)"
#   ./deploy.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
: "${AWS_ENDPOINT_URL:?Set it to the URL of the emulator; this script is not for AWS.}"
export AWS_PAGER=""

say() { printf '\n== %s\n' "$*"; }
outputs() { aws cloudformation describe-stacks --stack-name "$1" --query 'Stacks[0].Outputs[].OutputValue' --output text; }
jobs() { aws personalize list-dataset-import-jobs --query 'sort(datasetImportJobs[].jobName)' --output text; }
solutions() { aws personalize list-solutions --query 'sort(solutions[].name)' --output text; }

say "data"
aws s3 mb s3://film-data
{
  echo "USER_ID,ITEM_ID,TIMESTAMP"
  for ((n = 0; n < 1200; n++)); do echo "u$((n % 60)),i$((n % 7 + n % 3)),$((1700000000 + n))"; done
} | aws s3 cp - s3://film-data/interactions.csv

say "deploy the template of CDK"
aws cloudformation deploy --stack-name cdk-films --template-file CdkFilms.template.json --capabilities CAPABILITY_IAM
outputs cdk-films

say "deploy the hand-written template"
aws cloudformation deploy --stack-name hand-films --template-file films.yaml
outputs hand-films

say "change it: a second import into the same dataset, and a new solution"
aws cloudformation deploy --stack-name hand-films --template-file films.yaml \
  --parameter-overrides Import=second Recipe=aws-popularity-count
jobs
solutions

say "a change that fails is rolled back"
if aws cloudformation deploy --stack-name hand-films --template-file films.yaml \
  --parameter-overrides Import=second Recipe=no-such-recipe; then
  echo "A recipe that does not exist was accepted." >&2
  exit 1
fi
aws cloudformation describe-stacks --stack-name hand-films --query 'Stacks[0].StackStatus' --output text
solutions

say "delete both"
for stack in hand-films cdk-films; do
  aws cloudformation delete-stack --stack-name "$stack"
  aws cloudformation wait stack-delete-complete --stack-name "$stack"
done
test -z "$(aws personalize list-dataset-groups --query 'datasetGroups[].name' --output text)"
aws s3 rb --force s3://film-data
echo "nothing is left"
