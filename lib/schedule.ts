/**
 * The minute's tick that starts the dispatcher, and what Lambda may do with a start that it could not serve: nothing.
 * A missed start is made good by the next one, a late one would only find the lease taken.
 */
import { Duration, Stack } from 'aws-cdk-lib'
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { CfnSchedule, CfnScheduleGroup } from 'aws-cdk-lib/aws-scheduler'
import { Construct } from 'constructs'

/** The schedule's own period: what is older is replaced by its successor. It is also the least that AWS accepts. */
const MAX_AGE = Duration.seconds(60)

export class Ticks extends Construct {
  constructor(scope: Construct, id: string, dispatcher: LambdaFunction) {
    super(scope, id)
    dispatcher.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: MAX_AGE })
    const group = new CfnScheduleGroup(this, 'group')
    new CfnSchedule(this, 'every-minute', {
      description: 'Starts the Fairlead dispatcher; it hands over to itself while there is work.',
      groupName: group.ref,
      scheduleExpression: 'rate(1 minute)',
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: dispatcher.functionArn,
        roleArn: this.role(dispatcher, group).roleArn,
        input: '{}',
        retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: MAX_AGE.toSeconds() },
      },
    })
  }

  /** The conditions keep another account's, or another schedule's, hands off this role (the confused deputy). */
  private role(dispatcher: LambdaFunction, group: CfnScheduleGroup): Role {
    const role = new Role(this, 'role', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: {
          StringEquals: {
            'aws:SourceAccount': Stack.of(this).account,
            'aws:SourceArn': group.attrArn,
          },
        },
      }),
    })
    role.addToPolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [dispatcher.functionArn] }))
    return role
  }
}
