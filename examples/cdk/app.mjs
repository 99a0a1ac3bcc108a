import * as cdk from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import * as personalize from "aws-cdk-lib/aws-personalize";

class FilmStack extends cdk.Stack {
  constructor(scope, id, props) {
    super(scope, id, props);
    const location = new cdk.CfnParameter(this, "DataLocation", { default: "s3://film-data/interactions.csv" });
    const importer = new iam.Role(this, "Importer", {
      assumedBy: new iam.ServicePrincipal("personalize.amazonaws.com"),
    });
    const field = (name, type) => ({ name, type });
    const schema = new personalize.CfnSchema(this, "Schema", {
      name: "cdk-film-interactions",
      schema: JSON.stringify({
        type: "record",
        name: "Interactions",
        namespace: "com.amazonaws.personalize.schema",
        fields: [field("USER_ID", "string"), field("ITEM_ID", "string"), field("TIMESTAMP", "long")],
        version: "1.0",
      }),
    });
    const group = new personalize.CfnDatasetGroup(this, "Films", { name: "cdk-films" });
    const interactions = new personalize.CfnDataset(this, "Interactions", {
      name: "cdk-film-interactions",
      datasetType: "Interactions",
      datasetGroupArn: group.attrDatasetGroupArn,
      schemaArn: schema.attrSchemaArn,
      datasetImportJob: {
        jobName: "cdk-film-interactions",
        roleArn: importer.roleArn,
        dataSource: { DataLocation: location.valueAsString },
      },
    });
    const solution = new personalize.CfnSolution(this, "Similar", {
      name: "cdk-films-similar",
      datasetGroupArn: group.attrDatasetGroupArn,
      recipeArn: `arn:${this.partition}:personalize:::recipe/aws-sims`,
    });
    solution.addResourceDependency(interactions);
    new cdk.CfnOutput(this, "SolutionArn", { value: solution.attrSolutionArn });
  }
}

const app = new cdk.App();
new FilmStack(app, "CdkFilms");
