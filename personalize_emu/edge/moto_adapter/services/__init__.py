"""Services of moto that show or change resources of Personalize: extended when a client first uses them.

    emulators        which emulator the current request belongs to
    extensions       what is done when moto imports a service
    service_quotas   quotas of the emulator, listed and raised
    cloudtrail       recorded calls as events
    tagging          tags of resources of Personalize beside those of other services
    cloudformation   stacks: what is replaced in moto
    deployments      stacks: creation, update, deletion with rollback
    stack_resources  stacks: the resources one by one, with events
    templates        stacks: reading templates, dependencies of resources
    resource_models  stacks: the resource types of Personalize, and those without effect

Without an emulator in use, for other users of moto in the process, moto's own functions run.
"""
