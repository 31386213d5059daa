# SPDX-License-Identifier: Apache-2.0
<#
.SYNOPSIS
Moves encrypted VMs, vSAN clusters and hosts from one standard key provider of vCenter to another, by shallow re-key.

.DESCRIPTION
Read MIGRATION.md first. Not tested yet: no vCenter was at hand, only the syntax was checked. Begin with -WhatIf, then
with one VM that nobody needs.

Only what is on -OldProvider is changed. What is on -NewProvider already is skipped, so a phase that was broken off is
simply started again. Every outcome is appended to the CSV file when it is known. Exit code 2: something is left.
Refused, and named: templates; VMs that are not connected; VMs with snapshots and linked clones; and VMs with
change-block tracking where a re-key can power them off (KB 387897: vSphere 7, and 8 before 8.0 Update 3e).

.PARAMETER Server
vCenter. PowerCLI's open connection is used; without one it is opened, and PowerCLI asks for the credential.
.PARAMETER Phase
Inventory lists every key in use. Vms, Vsan and Hosts move them, in this order. Verify lists again and asks vCenter
whether it can fetch the new keys.
.PARAMETER NewProvider
Provider to move to, as vCenter spells it. Needed by all phases but Inventory.
.PARAMETER OldProvider
Provider to move from. Needed by Vms, Vsan and Hosts. Without it Verify counts all that is not on the new one as left.
.PARAMETER Name
Vms, Vsan, Hosts: only those of this name; * and ? are wildcards.
.PARAMETER Limit
Vms, Vsan, Hosts: at most so many in this run; 0 is all of them.
.PARAMETER BatchSize
VMs that are re-keyed at the same time. After a batch with the third failure the run ends.
.PARAMETER CsvPath
Where the list or the outcomes go; by default a new file in the current folder. Vms, Vsan and Hosts append to it.
.PARAMETER IncludeCbt
VMs with change-block tracking on affected versions too. A re-key may power them off: switch them off first.
.PARAMETER FixedBuild
Build number of ESXi 8.0 Update 3e, from Broadcom's list. Hosts of 8.0.3 with it or a later one count as repaired;
without it every host of version 8 counts as affected.
.EXAMPLE
.\migrate.ps1 -Server vc.example -Phase Vms -OldProvider ibm-kmip -NewProvider holdfast -Name testvm -WhatIf
.EXAMPLE
.\migrate.ps1 -Server vc.example -Phase Vms -OldProvider ibm-kmip -NewProvider holdfast -Limit 50 -Confirm:$false
#>
#Requires -Version 5.1
#Requires -Modules VMware.VimAutomation.Core, VMware.VimAutomation.Storage
[CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'High')]
param(
    [Parameter(Mandatory = $true)][string]$Server,
    [Parameter(Mandatory = $true)][ValidateSet('Inventory', 'Vms', 'Vsan', 'Hosts', 'Verify')][string]$Phase,
    [string]$NewProvider = '',
    [string]$OldProvider = '',
    [string]$Name = '*',
    [ValidateRange(0, 100000)][int]$Limit = 0,
    [ValidateRange(1, 32)][int]$BatchSize = 4,
    [string]$CsvPath = '',
    [switch]$IncludeCbt,
    [ValidateRange(0, 2147483647)][int]$FixedBuild = 0
)
Set-StrictMode -Version 1.0
$ErrorActionPreference = 'Stop'
$taskMinutes = 60  # a re-key rewrites little; a task that takes longer is looked at by a person
$maxFailures = 3
$keysAtOnce = 100  # in one question to vCenter whether it can fetch them
$vmProperties = [string[]]@('Name', 'Config.KeyId', 'Config.ChangeTrackingEnabled', 'Config.Template',
    'Config.Hardware.Device', 'Runtime.ConnectionState', 'Runtime.PowerState', 'Runtime.Host', 'Snapshot')
$hostProperties = [string[]]@('Name', 'Config.Product', 'Runtime.ConnectionState', 'Runtime.CryptoState',
    'Runtime.CryptoKeyId')
$unreadable = '(could not be read)'
$cmdlet = $PSCmdlet  # one for all functions: it remembers "Yes to All"
$taken, $failures, $refused = 0, 0, 0

# ---- reading ----

function Get-ProviderName($Key) {
    if ($null -ne $Key -and $null -ne $Key.ProviderId) { return $Key.ProviderId.Id }
    return ''
}

function Get-Disk($View) { $View.Config.Hardware.Device | Where-Object { $_ -is [VMware.Vim.VirtualDisk] } }
function Test-Chain($View) {
    return $null -ne $View.Snapshot -or @(Get-Disk $View | Where-Object { $null -ne $_.Backing.Parent }).Count -gt 0
}

# Every key of a VM: its home, its disks, and the disks below them that snapshots and linked clones rest on.
function Get-VmKey($View) {
    if ($null -ne $View.Config.KeyId) { [pscustomobject]@{ Part = 'home'; Key = $View.Config.KeyId } }
    foreach ($disk in @(Get-Disk $View)) {
        $part = $disk.DeviceInfo.Label
        for ($backing = $disk.Backing; $null -ne $backing; $backing = $backing.Parent) {
            if ($null -ne $backing.KeyId) { [pscustomobject]@{ Part = $part; Key = $backing.KeyId } }
            $part = "$part, parent"
        }
    }
}

function Test-OnOld($View) {
    if ($null -eq $View.Config) { return $false }
    return @(Get-VmKey $View | Where-Object { (Get-ProviderName $_.Key) -ceq $OldProvider }).Count -gt 0
}

function Get-VmView { Get-View -Server $vc -ViewType VirtualMachine -Property $vmProperties | Sort-Object Name }
function Get-HostView { Get-View -Server $vc -ViewType HostSystem -Property $hostProperties | Sort-Object Name }

function Get-VsanCluster {
    $clusters = Get-View -Server $vc -ViewType ClusterComputeResource -Property 'Name', 'ConfigurationEx'
    foreach ($view in @($clusters | Where-Object { $_.ConfigurationEx.VsanConfigInfo.Enabled } | Sort-Object Name)) {
        $encryption, $trouble = $null, ''
        try { $encryption = $vsanSystem.VsanClusterGetConfig($view.MoRef).DataEncryptionConfig }
        catch { $trouble = $_.Exception.Message }
        if ($trouble -or $encryption.EncryptionEnabled) {
            [pscustomobject]@{ View = $view; Encryption = $encryption; Trouble = $trouble }
        }
    }
}

# One use of one key.
function New-Row($Kind, $View, $Part, $Provider, $KeyId, $State, $More) {
    $row = [ordered]@{
        Kind = $Kind; Name = $View.Name; Id = $View.MoRef.Value; Part = $Part; Provider = $Provider; KeyId = $KeyId
        State = "$State"; Cbt = ''; VTpm = ''; Snapshots = ''; Template = ''; Host = ''; HostVersion = ''
        HostBuild = ''; Available = ''
    }
    foreach ($field in $More.Keys) { $row[$field] = $More[$field] }
    [pscustomobject]$row
}

function Get-Inventory {
    foreach ($view in Get-VmView) {
        if ($null -eq $view.Config) { New-Row 'Vm' $view '' $unreadable '' $view.Runtime.ConnectionState @{}; continue }
        $on = $hostViews["$($view.Runtime.Host.Value)"]
        $more = @{
            Cbt = [bool]$view.Config.ChangeTrackingEnabled
            VTpm = @($view.Config.Hardware.Device | Where-Object { $_.GetType().Name -eq 'VirtualTPM' }).Count -gt 0
            Snapshots = Test-Chain $view
            Template = [bool]$view.Config.Template
            Host = $on.Name; HostVersion = $on.Config.Product.Version; HostBuild = $on.Config.Product.Build
        }
        foreach ($key in @(Get-VmKey $view)) {
            New-Row 'Vm' $view $key.Part (Get-ProviderName $key.Key) $key.Key.KeyId $view.Runtime.PowerState $more
        }
    }
    foreach ($view in Get-HostView) {
        $key = $view.Runtime.CryptoKeyId
        $more = @{ HostVersion = $view.Config.Product.Version; HostBuild = $view.Config.Product.Build }
        if ($null -ne $key) {
            New-Row 'Host' $view 'host key' (Get-ProviderName $key) $key.KeyId $view.Runtime.CryptoState $more
        } elseif ("$($view.Runtime.ConnectionState)" -ne 'connected') {
            New-Row 'Host' $view 'host key' $unreadable '' $view.Runtime.ConnectionState $more
        }
    }
    foreach ($cluster in @(Get-VsanCluster)) {
        if ($cluster.Trouble) { New-Row 'Vsan' $cluster.View '' $unreadable '' $cluster.Trouble @{}; continue }
        $provider = $cluster.Encryption.KmsProviderId.Id
        New-Row 'Vsan' $cluster.View 'vSAN KEK' $provider $cluster.Encryption.KekId '' @{}
        New-Row 'Vsan' $cluster.View 'vSAN host key' $provider $cluster.Encryption.HostKeyId '' @{}
    }
}

# ---- outcomes ----

function Write-Outcome($Kind, $View, $Outcome, $OldKeys, $NewKeys, $Detail) {
    $row = [pscustomobject]@{
        Time = (Get-Date).ToUniversalTime().ToString('s') + 'Z'; Kind = $Kind; Name = $View.Name
        Id = $View.MoRef.Value; Outcome = $Outcome; OldKeys = $OldKeys; NewKeys = $NewKeys; Detail = $Detail
    }
    $row | Export-Csv -LiteralPath $CsvPath -Append -NoTypeInformation -Encoding UTF8 -WhatIf:$false -Confirm:$false
    Write-Host ('{0,-8} {1}  {2}' -f $Outcome, $View.Name, $Detail)
    if ($Outcome -eq 'failed') { $script:failures++ }
    if ($Outcome -eq 'refused') { $script:refused++ }
}

function Stop-AfterFailures { if ($failures -ge $maxFailures) { throw "$failures failed; see $CsvPath" } }
function Test-Limit { return $Limit -gt 0 -and $taken -ge $Limit }

function Wait-Change($Reference) {
    $id = New-Object VMware.Vim.ManagedObjectReference -Property @{ Type = 'Task'; Value = $Reference.Value }
    $until = (Get-Date).AddMinutes($taskMinutes)
    for (;;) {
        $info = (Get-View -Server $vc -Id $id -Property 'Info').Info
        if ("$($info.State)" -eq 'success') { return }
        if ("$($info.State)" -eq 'error') { throw "vCenter: $($info.Error.LocalizedMessage)" }
        if ((Get-Date) -gt $until) { throw "task $($id.Value) still runs after $taskMinutes minutes; look in vCenter" }
        Start-Sleep -Seconds 2
    }
}

# ---- VMs ----

# Broadcom KB 387897. What cannot be told counts as affected.
function Test-CbtAffected($HostReference) {
    $product = $hostViews["$($HostReference.Value)"].Config.Product
    if ($null -eq $product) { return $true }
    $version = [version]$product.Version
    if ($version.Major -ge 9) { return $false }
    return -not ($FixedBuild -gt 0 -and $version -ge [version]'8.0.3' -and [int]$product.Build -ge $FixedBuild)
}

function Get-Refusal($View) {
    if ($View.Config.Template) { return 'is a template: convert it to a VM first' }
    if ("$($View.Runtime.ConnectionState)" -ne 'connected') { return "is $($View.Runtime.ConnectionState)" }
    if (Test-Chain $View) { return 'has snapshots or is a linked clone: see MIGRATION.md' }
    if ($View.Config.ChangeTrackingEnabled -and -not $IncludeCbt -and (Test-CbtAffected $View.Runtime.Host)) {
        return 'has change-block tracking on an affected version (KB 387897): see -IncludeCbt'
    }
    return ''
}

function New-ProviderKey {
    $provider = New-Object VMware.Vim.KeyProviderId -Property @{ Id = $NewProvider }
    # Since vSphere 8.0.1 the call has a second, optional parameter, and PowerCLI wants every one of them.
    $parameters = $crypto.GetType().GetMethods() | Where-Object { $_.Name -eq 'GenerateKey' } |
        ForEach-Object { $_.GetParameters().Count } | Sort-Object | Select-Object -First 1
    switch ($parameters) {
        1 { $result = $crypto.GenerateKey($provider) }
        2 { $result = $crypto.GenerateKey($provider, $null) }
        default { throw "this PowerCLI's GenerateKey has $parameters parameters; re-key in the vSphere Client" }
    }
    if (-not $result.Success) { throw "no key from ${NewProvider}: $($result.Reason)" }
    return $result.KeyId
}

function New-Recrypt($Key) { New-Object VMware.Vim.CryptoSpecShallowRecrypt -Property @{ NewKeyId = $Key } }

# Only what is encrypted under the old provider: a VM with a vTPM and plain disks keeps its plain disks.
function New-RecryptSpec($View, $Key) {
    $spec = New-Object VMware.Vim.VirtualMachineConfigSpec
    if ((Get-ProviderName $View.Config.KeyId) -ceq $OldProvider) { $spec.Crypto = New-Recrypt $Key }
    $edits = @()
    foreach ($disk in @(Get-Disk $View | Where-Object { (Get-ProviderName $_.Backing.KeyId) -ceq $OldProvider })) {
        $backing = New-Object VMware.Vim.VirtualDeviceConfigSpecBackingSpec
        $backing.Crypto = New-Recrypt $Key
        $edits += New-Object VMware.Vim.VirtualDeviceConfigSpec -Property @{
            Operation = 'edit'; Device = $disk; Backing = $backing
        }
    }
    if ($edits.Count -gt 0) { $spec.DeviceChange = [VMware.Vim.VirtualDeviceConfigSpec[]]$edits }
    return $spec
}

# A job when a task was started. The VM is read again first: the list may be hours old.
function Start-Recrypt($View) {
    $key, $old = $null, ''
    try {
        $View.UpdateViewData($vmProperties)
        if (-not (Test-OnOld $View)) { return }
        $old = @(Get-VmKey $View | ForEach-Object { $_.Key.KeyId } | Select-Object -Unique) -join ' '
        $refusal = Get-Refusal $View
        if ($refusal) { Write-Outcome 'Vm' $View 'refused' $old '' $refusal; return }
        $script:taken++
        if (-not $cmdlet.ShouldProcess($View.Name, "shallow re-key from $OldProvider to $NewProvider")) { return }
        $key = New-ProviderKey
        $task = $View.ReconfigVM_Task((New-RecryptSpec $View $key))
        return [pscustomobject]@{ View = $View; Old = $old; New = $key.KeyId; Task = $task }
    } catch { Write-Outcome 'Vm' $View 'failed' $old $key.KeyId $_.Exception.Message }
}

function Complete-Recrypt($Jobs) {
    foreach ($job in $Jobs) {
        try {
            Wait-Change $job.Task
            $job.View.UpdateViewData($vmProperties)
            if (Test-OnOld $job.View) { throw 'the task succeeded, but a key of the old provider is left' }
            Write-Outcome 'Vm' $job.View 'done' $job.Old $job.New ''
        } catch { Write-Outcome 'Vm' $job.View 'failed' $job.Old $job.New $_.Exception.Message }
    }
    Stop-AfterFailures
}

function Invoke-Vms {
    $running = @()
    foreach ($view in @(Get-VmView | Where-Object { $_.Name -like $Name -and (Test-OnOld $_) })) {
        if (Test-Limit) { break }
        $running += @(Start-Recrypt $view)
        if ($running.Count -ge $BatchSize -or $failures -ge $maxFailures) { Complete-Recrypt $running; $running = @() }
    }
    Complete-Recrypt $running
}

# ---- vSAN clusters and hosts, one after the other ----

# $Change does it and returns the new key IDs, or throws.
function Invoke-One($Kind, $View, $OldKeys, $Change) {
    $script:taken++
    if (-not $cmdlet.ShouldProcess($View.Name, "$Kind to key provider $NewProvider")) { return }
    try { Write-Outcome $Kind $View 'done' $OldKeys (& $Change) '' }
    catch { Write-Outcome $Kind $View 'failed' $OldKeys '' $_.Exception.Message }
    Stop-AfterFailures
}

function Invoke-Vsan {
    foreach ($cluster in @(Get-VsanCluster | Where-Object { $_.View.Name -like $Name })) {
        $encryption = $cluster.Encryption
        if ($cluster.Trouble) { Write-Outcome 'Vsan' $cluster.View 'failed' '' '' $cluster.Trouble }
        if ($cluster.Trouble -or $encryption.KmsProviderId.Id -cne $OldProvider) { continue }
        if (Test-Limit) { break }
        Invoke-One 'Vsan' $cluster.View "$($encryption.KekId) $($encryption.HostKeyId)" {
            $spec = New-Object VMware.Vsan.Views.VimVsanReconfigSpec -Property @{ Modify = $true }
            $spec.DataEncryptionConfig = New-Object VMware.Vsan.Views.VsanDataEncryptionConfig
            $spec.DataEncryptionConfig.EncryptionEnabled = $true
            $spec.DataEncryptionConfig.KmsProviderId = $encryption.KmsProviderId
            $spec.DataEncryptionConfig.KmsProviderId.Id = $NewProvider
            Wait-Change ($vsanSystem.VsanClusterReconfig($cluster.View.MoRef, $spec))
            $now = $vsanSystem.VsanClusterGetConfig($cluster.View.MoRef).DataEncryptionConfig
            if ($now.KmsProviderId.Id -cne $NewProvider) { throw 'the task succeeded, but the provider is the old one' }
            "$($now.KekId) $($now.HostKeyId)"
        }
    }
}

function Invoke-Hosts {
    $provider = Get-KeyProvider -Server $vc -Name $NewProvider
    foreach ($view in @(Get-HostView | Where-Object { $_.Name -like $Name })) {
        $key = $view.Runtime.CryptoKeyId
        if ((Get-ProviderName $key) -cne $OldProvider) { continue }
        $link = "$($view.Runtime.ConnectionState)"
        if ($link -ne 'connected') { Write-Outcome 'Host' $view 'refused' $key.KeyId '' "is $link"; continue }
        if (Test-Limit) { break }
        Invoke-One 'Host' $view $key.KeyId {
            $target = Get-VMHost -Server $vc -Id "HostSystem-$($view.MoRef.Value)"
            Set-VMHost -VMHost $target -KeyProvider $provider -Confirm:$false | Out-Null
            $view.UpdateViewData($hostProperties)
            $now = $view.Runtime.CryptoKeyId
            if ((Get-ProviderName $now) -cne $NewProvider) { throw 'no error, but the host key is of the old provider' }
            $now.KeyId
        }
    }
}

# ---- lists ----

# Fills in Available for the keys of the new provider: vCenter can fetch them, or says why not.
function Set-Available($Rows) {
    $ids = @($Rows | Where-Object { $_.KeyId } | ForEach-Object { $_.KeyId } | Select-Object -Unique)
    $answers = @{}
    $provider = New-Object VMware.Vim.KeyProviderId -Property @{ Id = $NewProvider }
    for ($at = 0; $at -lt $ids.Count; $at += $keysAtOnce) {
        $keys = foreach ($id in @($ids | Select-Object -Skip $at -First $keysAtOnce)) {
            New-Object VMware.Vim.CryptoKeyId -Property @{ KeyId = $id; ProviderId = $provider }
        }
        foreach ($status in @($crypto.QueryCryptoKeyStatus([VMware.Vim.CryptoKeyId[]]@($keys), 1))) {
            $answers[$status.KeyId.KeyId] = if ($status.KeyAvailable) { 'yes' } else { "no: $($status.Reason)" }
        }
    }
    foreach ($row in @($Rows | Where-Object { $_.KeyId })) { $row.Available = "$($answers[$row.KeyId])" }
}

function Write-List($Rows) {
    $Rows | Export-Csv -LiteralPath $CsvPath -NoTypeInformation -Encoding UTF8 -WhatIf:$false -Confirm:$false
    $Rows | Group-Object 'Kind', 'Provider' | Sort-Object Name | Format-Table -AutoSize 'Count', 'Name' | Out-Host
    Write-Host "$($Rows.Count) uses of keys are listed in $CsvPath"
}

function Invoke-Verify {
    $rows = @(Get-Inventory)
    $new = @($rows | Where-Object { $_.Provider -ceq $NewProvider })
    try { Set-Available $new }
    catch { Write-Warning "vCenter did not say which keys it can fetch: $($_.Exception.Message)" }
    Write-List $rows
    $left = @($rows | Where-Object {
            $_.Provider -ceq $unreadable -or ($OldProvider -and $_.Provider -ceq $OldProvider) -or
            (-not $OldProvider -and $_.Provider -cne $NewProvider)
        })
    $lost = @($new | Where-Object { $_.Available -ne 'yes' })
    $left + $lost | Format-Table -AutoSize 'Kind', 'Name', 'Part', 'Provider', 'KeyId', 'Available' | Out-Host
    Write-Host "$($left.Count) left, $($lost.Count) on $NewProvider that vCenter cannot fetch"
    if ($left.Count + $lost.Count -gt 0) { exit 2 }
}

# ---- the run ----

$changes = $Phase -in 'Vms', 'Vsan', 'Hosts'
if (-not $CsvPath) { $CsvPath = "holdfast-$Phase-" + (Get-Date -Format 'yyyyMMdd-HHmmss') + '.csv' }
if ($Phase -ne 'Inventory' -and -not $NewProvider) { throw "$Phase needs -NewProvider" }
if ($changes -and -not $OldProvider) { throw "$Phase needs -OldProvider" }
if ($NewProvider -and $NewProvider -ceq $OldProvider) { throw 'the two providers are the same' }

$vc = Get-Variable -Name DefaultVIServers -Scope Global -ValueOnly -ErrorAction SilentlyContinue |
    Where-Object { $_.Name -eq $Server -and $_.IsConnected } | Select-Object -First 1
if ($null -eq $vc) { $vc = Connect-VIServer -Server $Server }
$crypto = Get-View -Server $vc -Id $vc.ExtensionData.Content.CryptoManager
$vsanSystem = Get-VsanView -Server $vc -Id 'VsanVcClusterConfigSystem-vsan-cluster-config-system'
$hostViews = @{}
foreach ($view in Get-HostView) { $hostViews[$view.MoRef.Value] = $view }

$known = @($crypto.KmipServers | ForEach-Object { $_.ClusterId.Id })
Write-Host "key providers of ${Server}: $($known -join ', ')"
foreach ($wanted in @($NewProvider, $OldProvider | Where-Object { $_ })) {
    if ($known -cnotcontains $wanted) { throw "vCenter has no key provider of the name $wanted" }
}

switch ($Phase) {
    'Inventory' { Write-List @(Get-Inventory) }
    'Vms' { Invoke-Vms }
    'Vsan' { Invoke-Vsan }
    'Hosts' { Invoke-Hosts }
    'Verify' { Invoke-Verify }
}
if ($changes) {
    Write-Host "$taken taken, $failures failed, $refused refused; see $CsvPath"
    if ($failures + $refused -gt 0) { exit 2 }
}
